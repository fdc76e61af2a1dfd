import { randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { openMeshNodes, type RemoteNode } from './harness/mesh-ring.ts';

const GIB = 1024 ** 3;
/** Tokens before the loss, and after it. */
const BEFORE = 500;
const AFTER = 24;

interface Loss {
  /** From the last token before the kill to the first one after it. */
  readonly pauseMs: number;
  /** From when the conductor noticed to when the new stage was loaded and linked. */
  readonly mendMs: number;
}

/** Kills the node of the last stage in the middle of an answer; another one has room for its layers. */
async function lose(round: number): Promise<Loss> {
  const nodes = await openMeshNodes({ nodes: 4, contextTokens: 1024, parallelSequences: 2, budgetBytes: GIB / 2 });
  const [first] = nodes as [RemoteNode];
  try {
    await first.ask({ kind: 'up', stages: 3 });
    const victim = await holderOfLast(nodes);
    const generating = first.generate(randomPrompt(16, round), BEFORE + AFTER, -1);
    while ((await first.facts()).generatedTokens < BEFORE) await new Promise((resolve) => setTimeout(resolve, 20));
    victim.signal('SIGKILL');
    const { arrivedMs } = await generating;
    const pauseMs = Math.max(...arrivedMs.slice(1).map((ms, index) => ms - (arrivedMs[index] ?? ms)));
    const [recovery] = (await first.facts()).recoveries;
    return { pauseMs, mendMs: recovery?.durationMs ?? Number.NaN };
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
}

async function holderOfLast(nodes: readonly RemoteNode[]): Promise<RemoteNode> {
  for (const node of nodes.slice(1)) {
    const { stages } = await node.facts();
    if (stages.some((stage) => stage.to === 22)) return node;
  }
  throw new Error('Nobody holds the last layers.');
}

export default defineBench({
  title: 'a node of three is killed 500 tokens into an answer, without a spare: the pause that the client sees',
  rounds: 3,
  async run({ rounds, log }) {
    const losses: Loss[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const loss = await lose(round);
      losses.push(loss);
      log(
        `round ${round + 1}: a pause of ${Math.round(loss.pauseMs)} ms, ${Math.round(loss.mendMs)} ms of it until the ring was mended`,
      );
    }
    return [
      { name: 'pause', unit: 'ms', samples: losses.map((loss) => loss.pauseMs) },
      { name: 'of it: finding a place, loading, linking', unit: 'ms', samples: losses.map((loss) => loss.mendMs) },
      {
        name: 'of it: noticing, and computing the text again',
        unit: 'ms',
        samples: losses.map((loss) => loss.pauseMs - loss.mendMs),
      },
    ];
  },
});
