import { FaultyNetwork } from '../support/faulty-network.ts';
import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { jointSpeed } from './harness/local-ring.ts';
import { openMeshNodes } from './harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { ratios } from './harness/statistics.ts';

const TOKENS = 48;
const PROMPT_TOKENS = 16;
const GIB = 1024 ** 3;
/** One way, as between laptops on a good Wi-Fi. */
const DELAY_MS = 1.5;

let seed = 0;

async function decode(node: RemoteNode, streams: number): Promise<number> {
  const prompt = (): number[] => randomPrompt(PROMPT_TOKENS, (seed += 1));
  return jointSpeed(await Promise.all(Array.from({ length: streams }, () => node.generate(prompt(), TOKENS + 1))));
}

export default defineBench({
  title: `two nodes with ${DELAY_MS} ms between them each way, one thread each, against one node with one thread`,
  rounds: 10,
  async run(context) {
    await benchModelPath();
    const common = { contextTokens: 1536, parallelSequences: 4, budgetBytes: 4 * GIB };
    const network = await FaultyNetwork.open(2);
    network.between(0, 1, { delayMs: DELAY_MS, lostShare: 0 });
    const [solo] = await openMeshNodes({ ...common, nodes: 1 });
    const nodes = await openMeshNodes({ ...common, nodes: 2, places: network.places });
    const [first] = nodes;
    if (solo === undefined || first === undefined) throw new Error('no nodes');
    const ours = (): number => [solo, ...nodes].reduce((sum, node) => sum + node.cpuMs(), process.cpuUsage().user / 1000);
    try {
      await solo.ask({ kind: 'up', stages: 1 });
      await first.ask({ kind: 'up', stages: 2 });
      const speeds = await interleave(
        context,
        { one: () => decode(solo, 1), two: () => decode(first, 1), 'two, 4 streams': () => decode(first, 4) },
        ours,
      );
      // A token crosses the link twice; that time is the link's own.
      const allowed = speeds.one.map((speed) => 1000 / (1000 / speed + 2 * DELAY_MS));
      return [
        { name: 'decode, one node', unit: 'tokens/s', samples: speeds.one },
        {
          name: "decode, two nodes / one, the link's own time apart",
          unit: 'x',
          samples: ratios(speeds.two, allowed),
          target: { atLeast: 0.9 },
        },
        { name: 'decode, two nodes / one', unit: 'x', samples: ratios(speeds.two, speeds.one) },
        {
          name: 'decode, 4 streams over two nodes / 1 over one',
          unit: 'x',
          samples: ratios(speeds['two, 4 streams'], speeds.one),
          target: { atLeast: 1.6 },
        },
      ];
    } finally {
      for (const node of [solo, ...nodes]) await node[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    }
  },
});
