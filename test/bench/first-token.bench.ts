import { startAgent } from './harness/agent-client.ts';
import { BareEngine } from './harness/bare-engine.ts';
import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench, type BenchContext, type Figure } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { differences } from './harness/statistics.ts';

const PROMPT_TOKENS = 16;
const THREADS = 1;
/** Until the compiler has seen the way often enough. */
const WARM_ANSWERS = 60;
const TINY_ROUNDS = 5;

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Always as many tokens, and the same of them are cached: all up to the letter, which is another each time. */
let asked = 0;
const question = (): string => `Tell me all you know about ${LETTERS[(asked += 1) % LETTERS.length]} and its uses.`;

export default defineBench({
  title: 'the first token of a short prompt through HTTP against a bare call of llama.cpp',
  rounds: 24,
  async run(context) {
    const path = await benchModelPath();
    const bare = new BareEngine(path, { threads: THREADS, cells: 2048, sequences: 1, maxRows: 512 });
    const agent = await startAgent(path, THREADS);
    const ours = (): number => agent.cpuMs() ?? 0;
    let seed = 0;
    /** Milliseconds for `rows` of a prompt whose first `cached` tokens are there. */
    const bareFirst = (cached: number, rows: number): number => {
      bare.clear();
      if (cached > 0) bare.prefill(randomPrompt(cached, (seed += 1)), 512);
      const prompt = randomPrompt(rows, (seed += 1)).map((token, index) => ({ slot: 0, position: cached + index, token }));
      const started = performance.now();
      bare.decode(prompt, [rows - 1]);
      bare.likeliest(rows - 1);
      return performance.now() - started;
    };
    try {
      const plain = await interleave(
        context,
        {
          http: async () => (await agent.complete(randomPrompt(PROMPT_TOKENS, (seed += 1)), 1)).firstMs,
          bare: () => bareFirst(0, PROMPT_TOKENS),
        },
        ours,
      );
      await agent.chat(question(), 1);
      const { promptTokens, cachedTokens } = await agent.chat(question(), 1);
      const chat = await interleave(
        context,
        {
          http: async () => (await agent.chat(question(), 1)).firstMs,
          // A chat's template is cached: the bare call gets the rows that are left to compute, behind as many cells.
          bare: () => bareFirst(cachedTokens, promptTokens - cachedTokens),
        },
        ours,
      );
      const tiny = await quickAnswers(context);
      return [
        {
          name: 'first token of 4 from pippa-tiny, HTTP in all',
          unit: 'ms',
          samples: tiny,
          target: { atMost: 5 },
        },
        ...firstToken(`of ${PROMPT_TOKENS}`, plain),
        ...firstToken(`of a chat (${promptTokens - cachedTokens} rows)`, chat),
      ];
    } finally {
      await agent[Symbol.asyncDispose]();
      bare[Symbol.dispose]();
    }
  },
});

/** The demo model computes for a millisecond: what is left is the way through HTTP, gateway, conductor and threads, and back. */
async function quickAnswers(context: BenchContext): Promise<readonly number[]> {
  const agent = await startAgent('pippa-tiny', THREADS);
  try {
    const fresh = (index: number): number[] => [300 + (index % 400), 5 + (index % 90), 7, 9];
    for (let index = 0; index < WARM_ANSWERS; index += 1) await agent.complete(fresh(index), 1);
    let asked = WARM_ANSWERS;
    const many = { ...context, rounds: TINY_ROUNDS * context.rounds, pauseMs: 0 };
    const { http } = await interleave(
      many,
      { http: async () => (await agent.complete(fresh((asked += 1)), 1)).firstMs },
      () => agent.cpuMs() ?? 0,
    );
    return http;
  } finally {
    await agent[Symbol.asyncDispose]();
  }
}

/** A few milliseconds beside hundreds: many rounds, each comparing what ran right after each other. */
function firstToken(
  what: string,
  { http, bare }: { readonly http: readonly number[]; readonly bare: readonly number[] },
): Figure[] {
  return [
    { name: `first token ${what}, bare`, unit: 'ms', samples: bare },
    { name: `first token ${what}, HTTP - bare`, unit: 'ms', samples: differences(http, bare), target: { atMost: 5 } },
  ];
}
