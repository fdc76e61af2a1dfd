import { startAgent } from './harness/agent-client.ts';
import { BareEngine } from './harness/bare-engine.ts';
import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { median, ratios } from './harness/statistics.ts';

const DECODE_TOKENS = 48;
const SHORT_PROMPT_TOKENS = 16;
const LONG_PROMPT_TOKENS = 512;
/** One, so that the gateway and the client have a core of their own on the smallest machine. */
const THREADS = 1;

export default defineBench({
  title: 'one stream through HTTP against a bare loop over llama.cpp',
  rounds: 12,
  async run(context) {
    const path = await benchModelPath();
    const bare = new BareEngine(path, { threads: THREADS, cells: 2048, sequences: 1, maxRows: 512 });
    const agent = await startAgent(path, THREADS);
    const ours = (): number => agent.cpuMs() ?? 0;
    const cpu = { http: [] as number[], bare: [] as number[] };
    let seed = 0;
    try {
      const decode = await interleave(
        context,
        {
          http: async () => {
            const before = ours();
            const times = await agent.complete(randomPrompt(SHORT_PROMPT_TOKENS, (seed += 1)), DECODE_TOKENS + 1);
            cpu.http.push(ours() - before);
            return (DECODE_TOKENS * 1000) / (times.lastMs - times.firstMs);
          },
          bare: () => {
            bare.clear();
            const before = process.cpuUsage();
            const first = bare.prefill(randomPrompt(SHORT_PROMPT_TOKENS, (seed += 1)), 512);
            const ms = bare.generate(first, SHORT_PROMPT_TOKENS, DECODE_TOKENS);
            const used = process.cpuUsage(before);
            cpu.bare.push((used.user + used.system) / 1000);
            return (DECODE_TOKENS * 1000) / ms;
          },
        },
        ours,
      );
      const bareFirst = (length: number) => (): number => {
        bare.clear();
        const started = performance.now();
        bare.prefill(randomPrompt(length, (seed += 1)), 512);
        return performance.now() - started;
      };
      const httpFirst = (length: number) => async (): Promise<number> =>
        (await agent.complete(randomPrompt(length, (seed += 1)), 1)).firstMs;
      const long = await interleave(
        { ...context, rounds: Math.ceil(context.rounds / 2) },
        { http: httpFirst(LONG_PROMPT_TOKENS), bare: bareFirst(LONG_PROMPT_TOKENS) },
        ours,
      );
      return [
        { name: 'decode, bare', unit: 'tokens/s', samples: decode.bare },
        { name: 'decode, HTTP / bare', unit: 'x', samples: ratios(decode.http, decode.bare), target: { atLeast: 0.97 } },
        { name: 'decode, processor time bare / HTTP', unit: 'x', samples: [median(cpu.bare) / median(cpu.http)] },
        {
          name: `prefill of ${LONG_PROMPT_TOKENS}, bare`,
          unit: 'tokens/s',
          samples: long.bare.map((ms) => (LONG_PROMPT_TOKENS * 1000) / ms),
        },
        {
          name: `prefill of ${LONG_PROMPT_TOKENS}, HTTP / bare`,
          unit: 'x',
          samples: ratios(long.bare, long.http),
          target: { atLeast: 0.95 },
        },
      ];
    } finally {
      await agent[Symbol.asyncDispose]();
      bare[Symbol.dispose]();
    }
  },
});
