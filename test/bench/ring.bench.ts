import { randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { jointSpeed } from './harness/local-ring.ts';
import { openMeshNodes } from './harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { ratios } from './harness/statistics.ts';

const TOKENS = 48;
const PROMPT_TOKENS = 16;
const LONG_PROMPT_TOKENS = 1024;
const GIB = 1024 ** 3;

let seed = 0;
const prompt = (length: number): number[] => randomPrompt(length, (seed += 1));

async function decode(node: RemoteNode, streams: number): Promise<number> {
  return jointSpeed(await Promise.all(Array.from({ length: streams }, () => node.generate(prompt(PROMPT_TOKENS), TOKENS + 1))));
}

export default defineBench({
  title: 'two nodes in processes of their own, over noise on loopback, one thread each, against one node with one thread',
  rounds: 10,
  async run(context) {
    const common = { contextTokens: 1536, parallelSequences: 4, budgetBytes: 4 * GIB };
    const [solo] = await openMeshNodes({ ...common, nodes: 1 });
    const nodes = await openMeshNodes({ ...common, nodes: 2 });
    const [first, second] = nodes;
    if (solo === undefined || first === undefined || second === undefined) throw new Error('no nodes');
    const ours = (): number => [solo, ...nodes].reduce((sum, node) => sum + node.cpuMs(), 0);
    try {
      await solo.ask({ kind: 'up', stages: 1 });
      context.log(`stages: ${JSON.stringify(await first.ask({ kind: 'up', stages: 2 }))}`);
      const stepMs: number[] = [];
      const hopMs: number[] = [];
      const speeds = await interleave(
        context,
        {
          one: () => decode(solo, 1),
          async two() {
            const generated = await first.generate(prompt(PROMPT_TOKENS), TOKENS + 1);
            const { ring } = generated.usage;
            // What a step took beyond computing: to the second node and back, and the conductor.
            if (ring !== undefined) stepMs.push((ring.stepMs - ring.stageMs.reduce((sum, ms) => sum + ms, 0)) / ring.steps);
            hopMs.push((await second.facts()).medianHandlingMs);
            return jointSpeed([generated]);
          },
          'two, 4 streams': () => decode(first, 4),
        },
        ours,
      );
      const long = await interleave(
        { ...context, rounds: Math.ceil(context.rounds / 2) },
        {
          one: async () => (await solo.generate(prompt(LONG_PROMPT_TOKENS), 1)).firstMs,
          two: async () => (await first.generate(prompt(LONG_PROMPT_TOKENS), 1)).firstMs,
        },
        ours,
      );
      return [
        { name: 'decode, one node', unit: 'tokens/s', samples: speeds.one },
        { name: 'decode, two nodes / one', unit: 'x', samples: ratios(speeds.two, speeds.one), target: { atLeast: 0.93 } },
        {
          name: 'decode, 4 streams over two nodes / 1 over one',
          unit: 'x',
          samples: ratios(speeds['two, 4 streams'], speeds.one),
          target: { atLeast: 1.7 },
        },
        {
          name: `prefill of ${LONG_PROMPT_TOKENS}, two nodes / one`,
          unit: 'x',
          samples: ratios(long.one, long.two),
          target: { atLeast: 1.7 },
        },
        { name: 'a hop beyond computing, frame in to frame out', unit: 'ms', samples: hopMs, target: { atMost: 0.6 } },
        { name: 'a step beyond computing, over both hops and the conductor', unit: 'ms', samples: stepMs },
      ];
    } finally {
      for (const node of [solo, ...nodes]) await node[Symbol.asyncDispose]();
    }
  },
});
