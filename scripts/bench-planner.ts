/** How long `planPlacement` takes for a model of 126 layers over houses of 8 and 50 nodes: `node scripts/bench-planner.ts`. */
import { GIB, modelId, peerId, type LinkTier, type ModelManifest } from '@pippa/core';
import { planPlacement, type PlannerNode, type Strategy } from '@pippa/planner';

const ROUNDS = 10;
const LAYERS = 126;

function manifestOf(gigabytes: number): ModelManifest {
  return {
    id: modelId('0'.repeat(64)),
    name: 'bench',
    architecture: 'llama',
    quantisation: 'Q4_K_M',
    parameterCount: 2e9 * gigabytes,
    activeParameterCount: 2e9 * gigabytes,
    fileBytes: gigabytes * GIB,
    embeddingLength: 8192,
    vocabularySize: 128_000,
    contextLength: 131_072,
    layers: Array.from({ length: LAYERS }, () => ({
      weightBytes: (gigabytes * GIB) / LAYERS,
      contextBytesPerToken: 4096,
      contextBytesPerSequence: 0,
      feedForwardLength: 28_672,
    })),
    inputBytes: GIB / 2,
    outputBytes: GIB / 2,
    tiedHead: false,
    attentionMasks: 1,
    otherBytes: 0,
    standInBytes: { first: 0, middle: 0, last: 0 },
    cuts: Array.from({ length: LAYERS - 1 }, (_, index) => index + 1),
  };
}

function nodeOf(index: number): PlannerNode {
  const bandwidth = (100 + ((index * 37) % 500)) * 1e9;
  const memory = (16 + ((index * 7) % 30)) * GIB;
  return {
    peer: peerId(`node-${index}`),
    name: `node-${index}`,
    budgetBytes: memory,
    freeBytes: memory,
    memoryBandwidth: bandwidth,
    computeRate: 40 * bandwidth,
    link: {
      tier: (1 + (index % 3)) as LinkTier,
      interfaceType: 'unknown',
      roundTripMs: { p50: 0.3 + (index % 7) / 10, p99: 2 },
      throughput: 0,
    },
    power: 'mains',
    load: 0,
    models: [],
  };
}

console.log('nodes  strategy    weights  outcome      least ms  median ms');
for (const count of [8, 50]) {
  const nodes = Array.from({ length: count }, (_, index) => nodeOf(index));
  for (const strategy of ['speed', 'memory', 'throughput'] satisfies Strategy[]) {
    for (const gigabytes of [30, 140, 400]) {
      const wish = { contextTokens: 8192, parallelSequences: 4, maxRows: 256, lane: 'interactive', strategy } as const;
      const times: number[] = [];
      let outcome = '';
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = process.cpuUsage();
        const result = planPlacement({ nodes, links: [], manifest: manifestOf(gigabytes), wish });
        const { user, system } = process.cpuUsage(before);
        times.push((user + system) / 1000);
        outcome = result.kind === 'placed' ? `${result.stages.length} stages` : 'refused';
      }
      times.sort((a, b) => a - b);
      const cells = [String(count).padEnd(5), strategy.padEnd(10), `${gigabytes} GB`.padEnd(7), outcome.padEnd(11)];
      console.log([...cells, times[0]?.toFixed(1).padStart(8), times[ROUNDS / 2]?.toFixed(1).padStart(9)].join('  '));
    }
  }
}
