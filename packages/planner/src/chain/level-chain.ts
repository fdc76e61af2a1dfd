import { chainCost, restrict, type Chain, type ChainProblem } from './chain-problem.ts';
import { ChainTables } from './chain-tables.ts';
import type { Weights } from './smallest-bottleneck.ts';
import { WindowMinimum } from './window-minimum.ts';

/** Halvings of the interval in which the bottleneck is looked for. */
const HALVINGS = 16;

/**
 * The same nodes in the same order, with the cuts moved so that the largest weight is as small as it can be at no more than
 * `maxCost`. Equally fast nodes can share their layers in any way without changing a token's time: this is what decides then.
 */
export function levelChain(problem: ChainProblem, chain: Chain, weights: Weights, maxCost: number): Chain {
  const { nodes } = chain;
  if (nodes.length === 1) return chain;
  const weigh = (cuts: readonly number[]): number =>
    Math.max(...nodes.map((node, index) => weights.stage(node, cuts[index] ?? 0, cuts[index + 1] ?? 0)));
  const places = nodes.map((_, place) => place);
  const own = restrict(problem, nodes);
  let best = chain;
  let low = 0;
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const limit = (low + weigh(best.cuts)) / 2;
    const cuts = cheapestCuts({
      ...own,
      fits: (place, from, to) => own.fits(place, from, to) && weights.stage(nodes[place] ?? 0, from, to) <= limit,
    });
    const cost = cuts === undefined ? Infinity : chainCost(own, places, cuts);
    if (cuts === undefined || cost > maxCost) low = limit;
    else best = { nodes, cuts, cost };
  }
  return best;
}

/** The cheapest cuts when the nodes come in their order and all of them hold something; undefined when there are none. */
function cheapestCuts(problem: ChainProblem): readonly number[] | undefined {
  const { end, firstReach, lastStart, start, costUpTo } = new ChainTables(problem);
  // By boundary: the cost of everything up to it.
  let costs = new Float64Array(end + 1).fill(Infinity);
  const starts: Int16Array[] = [];
  for (let node = 0; node < problem.nodeCount - 1; node += 1) {
    const upTo = costUpTo[node] as Float64Array;
    const next = new Float64Array(end + 1).fill(Infinity);
    const startOf = new Int16Array(end + 1);
    for (let to = 1; node === 0 && to <= (firstReach[0] as number); to += 1) next[to] = (upTo[to] as number) - (upTo[0] as number);
    const window = new WindowMinimum(costs.map((cost, boundary) => cost - (upTo[boundary] as number)));
    for (let to = 2; node > 0 && to < end; to += 1) {
      window.include(to - 1);
      window.dropBelow(start[node]?.[to] as number);
      const from = window.index;
      if (from < 0) continue;
      next[to] = (costs[from] as number) + (upTo[to] as number) - (upTo[from] as number);
      startOf[to] = from;
    }
    costs = next;
    starts.push(startOf);
  }
  const last = problem.nodeCount - 1;
  let cheapest = end;
  for (let from = Math.max(1, lastStart[last] as number); from < end; from += 1) {
    const rest = (boundary: number): number => (costs[boundary] as number) - (costUpTo[last]?.[boundary] as number);
    if (costs[from] !== Infinity && (cheapest === end || rest(from) < rest(cheapest))) cheapest = from;
  }
  if (cheapest === end) return undefined;
  const cuts = [cheapest, end];
  for (const startOf of starts.toReversed()) cuts.unshift(startOf[cuts[0] as number] as number);
  return cuts;
}
