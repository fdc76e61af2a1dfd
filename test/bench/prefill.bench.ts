import { randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { openLocalRing } from './harness/local-ring.ts';
import { ratios } from './harness/statistics.ts';

const PROMPT_TOKENS = 1024;

export default defineBench({
  title: `a prompt of ${PROMPT_TOKENS} tokens over two stages of one thread against one stage of one thread, in one process`,
  rounds: 5,
  async run(context) {
    const common = { threadsPerStage: 1, parallelSequences: 4, contextCells: 4096 };
    const one = await openLocalRing({ ...common, stages: 1 });
    const two = await openLocalRing({ ...common, stages: 2 });
    let seed = 0;
    try {
      const firstMs = await interleave(context, {
        one: async () => (await one.generate(randomPrompt(PROMPT_TOKENS, (seed += 1)), 1)).firstMs,
        two: async () => (await two.generate(randomPrompt(PROMPT_TOKENS, (seed += 1)), 1)).firstMs,
      });
      return [
        { name: 'prefill, one stage', unit: 'tokens/s', samples: firstMs.one.map((ms) => (PROMPT_TOKENS * 1000) / ms) },
        { name: 'prefill, two stages / one', unit: 'x', samples: ratios(firstMs.one, firstMs.two), target: { atLeast: 1.8 } },
      ];
    } finally {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
    }
  },
});
