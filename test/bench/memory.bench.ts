import { MIB } from '@pippa/core';
import { readGgufModel } from '@pippa/gguf';
import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { openMeshNodes } from './harness/mesh-ring.ts';
import { processMemory } from './harness/process-memory.ts';

const NODES = 4;
/** The model takes 770 MB: no node may hold it, nor half of it. */
const BUDGET_BYTES = 400 * MIB;
/** Long enough for the largest steps that there are. */
const CONTEXT_TOKENS = 2048;
const PARALLEL = 4;
/** Short enough for one step of either, so that solo and ring compute in the same shapes. */
const SHORT_PROMPT = 200;
const SAME_TOKENS = 32;
/** Garbage of a stage's own thread comes and goes: the least of so many looks, with an answer between two, is without it. */
const LOOKS = 4;
/** What a node holds of the model's file or of its layers' files. */
const MODEL_FILES = '.gguf';

/**
 * What the process has of its own, and of the model's file the table of tokens, without the heap of the agent's JavaScript, which grows and
 * shrinks by itself. Other pages of the file are the system's cache: it maps them along with a few numbers that are computed with in place.
 */
async function heldBytes(node: RemoteNode, tableBytes: number): Promise<number> {
  const { heapPagesBytes, stages } = await node.facts({ collect: true });
  const { anonymous, ofFiles } = processMemory(node.processId, MODEL_FILES);
  const table = stages.some(({ from }) => from === 0) ? Math.min(ofFiles, tableBytes) : 0;
  return anonymous + table - heapPagesBytes;
}

export default defineBench({
  title: 'memory of four nodes in processes of their own, with a model that none of them may hold, against what the plan said',
  rounds: 1,
  async run({ rounds, log }) {
    const tableBytes = await tokenTableBytes();
    const common = { contextTokens: CONTEXT_TOKENS, parallelSequences: PARALLEL };
    const [solo] = await openMeshNodes({ ...common, nodes: 1, budgetBytes: 4096 * MIB });
    if (solo === undefined) throw new Error('no node');
    const expected: (readonly number[])[] = [];
    try {
      await solo.ask({ kind: 'up', stages: 1 });
      for (let round = 0; round < rounds; round += 1) {
        expected.push((await solo.generate(randomPrompt(SHORT_PROMPT, round), SAME_TOKENS)).tokens);
      }
    } finally {
      await solo[Symbol.asyncDispose]();
    }
    const afterLoading: number[] = [];
    const atFullContext: number[] = [];
    const same: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const nodes = await openMeshNodes({ ...common, nodes: NODES, budgetBytes: BUDGET_BYTES });
      try {
        const [first] = nodes as [RemoteNode];
        const before = await heldBy(nodes, tableBytes);
        await first.ask({ kind: 'up', stages: NODES });
        const { tokens } = await first.generate(randomPrompt(SHORT_PROMPT, round), SAME_TOKENS);
        same.push(String(tokens) === String(expected[round]) ? 1 : 0);
        const loaded = await heldBy(nodes, tableBytes);
        await Promise.all(
          Array.from({ length: PARALLEL }, (_, slot) => first.generate(randomPrompt(CONTEXT_TOKENS - 8, 100 * round + slot), 4)),
        );
        const full = await leastHeld(nodes, tableBytes, (look) =>
          first.generate(randomPrompt(SHORT_PROMPT, 50 + look), SAME_TOKENS),
        );
        for (const [index, node] of nodes.entries()) {
          const { stages } = await node.facts();
          const planned = stages.reduce((sum, stage) => sum + stage.memoryBytes, 0);
          const own = before[index] ?? 0;
          const most = (full[index] ?? 0) - own;
          afterLoading.push(((loaded[index] ?? 0) - own) / planned);
          atFullContext.push(most / planned);
          const layers = stages.map(({ from, to }) => `${from} to ${to - 1}`).join(', ');
          log(
            `${node.name}, layers ${layers}: planned ${inMib(planned)}, loaded ${inMib((loaded[index] ?? 0) - own)}, at full context ${inMib(most)} (own ${inMib(own)}; resident in all ${inMib(processMemory(node.processId, MODEL_FILES).resident)})`,
          );
        }
      } finally {
        for (const node of nodes) await node[Symbol.asyncDispose]();
      }
    }
    return [
      { name: 'memory of a node after loading / planned', unit: 'x', samples: afterLoading },
      {
        name: 'memory of a node at full context / planned: the most',
        unit: 'x',
        samples: [Math.max(...atFullContext)],
        target: { atMost: 1.05 },
      },
      { name: 'the least', unit: 'x', samples: [Math.min(...atFullContext)], target: { atLeast: 0.95 } },
      { name: 'same text as one node', unit: '', samples: same, target: { atLeast: 1 } },
    ];
  },
});

const heldBy = (nodes: readonly RemoteNode[], tableBytes: number): Promise<readonly number[]> =>
  Promise.all(nodes.map((node) => heldBytes(node, tableBytes)));

async function tokenTableBytes(): Promise<number> {
  const { tensors } = await readGgufModel(await benchModelPath());
  return tensors.find(({ name }) => name === 'token_embd.weight')?.byteLength ?? 0;
}

async function leastHeld(
  nodes: readonly RemoteNode[],
  tableBytes: number,
  answer: (look: number) => Promise<unknown>,
): Promise<readonly number[]> {
  let least = await heldBy(nodes, tableBytes);
  for (let look = 0; look < LOOKS; look += 1) {
    await answer(look);
    least = (await heldBy(nodes, tableBytes)).map((held, index) => Math.min(held, least[index] ?? held));
  }
  return least;
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
