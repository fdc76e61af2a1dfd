import { DEFAULT_SAMPLER_SETTINGS } from '@pippa/core';
import { randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { openLocalRing } from './harness/local-ring.ts';
import { ratios } from './harness/statistics.ts';

const TOKENS = 40;
/** A long JSON array of strings and numbers: a random model hardly ever means one, so nearly every token is masked. */
const JSON_GRAMMAR = String.raw`root ::= "[" value ("," value){100,200} "]"
value ::= string | number
string ::= "\"" [^"\\\x00-\x1f]{0,200} "\""
number ::= "-"? [0-9]{1,30}
`;

let seed = 0;

export default defineBench({
  title: 'decoding under a grammar, every token masked, against decoding without one',
  rounds: 8,
  async run(context) {
    const ring = await openLocalRing({ stages: 1, threadsPerStage: 1, parallelSequences: 2, contextCells: 2048 });
    /** Tokens a second. */
    const decode = async (grammar: string | undefined): Promise<number> => {
      seed += 1;
      const sampler = {
        ...DEFAULT_SAMPLER_SETTINGS,
        seed,
        ignoreEndOfGeneration: true,
        ...(grammar === undefined ? {} : { grammar }),
      };
      const prompt = Int32Array.from(randomPrompt(16, seed));
      const arrivedMs: number[] = [];
      const request = { prompt, sampler, maxTokens: TOKENS, logprobs: -1, lane: 'interactive' as const };
      for await (const event of ring.conductor.generate(request)) if (event.kind === 'token') arrivedMs.push(performance.now());
      return ((arrivedMs.length - 1) * 1000) / ((arrivedMs.at(-1) ?? 0) - (arrivedMs[0] ?? 0));
    };
    try {
      const speeds = await interleave(context, { plain: () => decode(undefined), masked: () => decode(JSON_GRAMMAR) });
      return [
        { name: 'decode, without a grammar', unit: 'tokens/s', samples: speeds.plain },
        { name: 'decode, masked / without', unit: 'x', samples: ratios(speeds.masked, speeds.plain), target: { atLeast: 0.9 } },
      ];
    } finally {
      await ring[Symbol.asyncDispose]();
    }
  },
});
