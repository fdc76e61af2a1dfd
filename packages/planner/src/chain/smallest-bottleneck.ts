import { countOf, without } from './sets.ts';
import type { ChainTables } from './chain-tables.ts';

/** What a chain's slowest or fullest part is measured by. */
export interface Weights {
  /** Of what lies between two boundaries on a node; grows with the range. */
  stage(node: number, from: number, to: number): number;
  /** Of a hop, where hops can be the bottleneck; else 0. Infinity where it is forbidden. */
  hop(from: number, to: number): number;
}

/**
 * The least possible largest weight of chains of every length from 1 to `maxStages`, over all subsets and orders of the nodes;
 * Infinity at lengths that have no chain. Entry `k - 1` is for `k` stages. For up to `PLANNER_LIMITS.exactNodes` nodes.
 */
export function smallestBottlenecks(tables: ChainTables, weights: Weights, maxStages: number): number[] {
  const { end, problem, start, lastStart, firstReach } = tables;
  const { nodeCount } = problem;
  const stride = end + 1;
  const best = Array.from({ length: Math.min(maxStages, nodeCount) }, () => Infinity);
  // By set, last node and boundary.
  const bottleneck = new Float64Array(2 ** nodeCount * nodeCount * stride).fill(Infinity);
  const place = (set: number, node: number): number => (set * nodeCount + node) * stride;
  const stageWeights = Array.from({ length: nodeCount }, (_, node) => weightTable(tables, weights, node));
  const handover = new Float64Array(stride);

  const gather = (set: number, node: number): void => {
    handover.fill(Infinity);
    for (let last = 0; last < nodeCount; last += 1) {
      if ((set & (1 << last)) === 0) continue;
      const hop = weights.hop(last, node);
      const at = place(set, last);
      for (let boundary = 1; boundary < end; boundary += 1) {
        const value = Math.max(hop, bottleneck[at + boundary] as number);
        if (value < (handover[boundary] as number)) handover[boundary] = value;
      }
    }
  };
  const join = (node: number, lowest: number, to: number): number => {
    const stages = stageWeights[node] as Float64Array;
    let least = Infinity;
    for (let from = to - 1; from >= lowest; from -= 1) {
      const stage = stages[from * stride + to] as number;
      // Stages that begin earlier only weigh more.
      if (stage >= least) break;
      least = Math.min(least, Math.max(stage, handover[from] as number));
    }
    return least;
  };

  for (let node = 0; node < nodeCount; node += 1) {
    if (tables.whole[node] === true) best[0] = Math.min(best[0] ?? Infinity, weights.stage(node, 0, end));
    for (let to = 1; to <= (firstReach[node] ?? 0); to += 1) bottleneck[place(1 << node, node) + to] = weights.stage(node, 0, to);
  }
  for (let set = 1; set < 2 ** nodeCount; set += 1) {
    const count = countOf(set);
    if (count >= best.length) continue;
    for (const node of without(set, nodeCount)) {
      gather(set, node);
      const at = place(set | (1 << node), node);
      for (let to = 2; count + 1 < best.length && to < end; to += 1) bottleneck[at + to] = join(node, start[node]?.[to] ?? to, to);
      best[count] = Math.min(best[count] ?? Infinity, join(node, Math.max(1, lastStart[node] ?? end), end));
    }
  }
  return best;
}

/** By start and end, for all stages that are not first. */
function weightTable({ end }: ChainTables, weights: Weights, node: number): Float64Array {
  const table = new Float64Array((end + 1) * (end + 1));
  for (let from = 1; from < end; from += 1) {
    for (let to = from + 1; to <= end; to += 1) table[from * (end + 1) + to] = weights.stage(node, from, to);
  }
  return table;
}
