import { PLANNER_LIMITS } from '../policy.ts';
import { restrict, type Chain, type ChainProblem } from './chain-problem.ts';
import { ChainTables } from './chain-tables.ts';
import { exactChains } from './exact-chains.ts';
import { levelChain } from './level-chain.ts';
import { orderedChains } from './ordered-chains.ts';
import { smallestBottlenecks, type Weights } from './smallest-bottleneck.ts';

/** Rounding in sums of weights must not shut out the chain that a bottleneck was found by. */
const ROUNDING = 1 + 1e-9;
/** Of many nodes, so many are searched exactly around what was found. */
const SHORTLIST = 6;

/** Orders that chains over many nodes are looked for in. */
export type Orders = readonly (readonly number[])[];

/** The cheapest chains by length: exact for few nodes; for many, the best in the given orders, refined around it. */
export function cheapestChains(problem: ChainProblem, orders: Orders, maxStages: number): (Chain | undefined)[] {
  const tables = new ChainTables(problem);
  if (maxStages === 1 || problem.nodeCount <= PLANNER_LIMITS.exactNodes) return exactChains(tables, maxStages);
  const found = orders.map((order) => orderedChains(tables, order, maxStages));
  const best = cheapestOf(found);
  const refined = shortlists(best, orders).map((members) =>
    exactChains(new ChainTables(restrict(problem, members)), maxStages).map(
      (chain) => chain && { ...chain, nodes: chain.nodes.map((node) => members[node] ?? node) },
    ),
  );
  return cheapestOf([best, ...refined]);
}

/**
 * The chain whose largest weight is smallest, and of those the cheapest, of the length that `pick` takes when it is told the smallest
 * largest weight of every length (Infinity where there is none). Exact for few nodes; for many, the cheapest chains, levelled.
 */
export function balancedChain(
  problem: ChainProblem,
  weights: Weights,
  orders: Orders,
  maxStages: number,
  pick: (bottlenecks: readonly number[]) => number,
): Chain | undefined {
  if (problem.nodeCount > PLANNER_LIMITS.exactNodes) {
    const tables = new ChainTables(problem);
    const levelled = orders
      .flatMap((order) => orderedChains(tables, order, maxStages))
      .flatMap((chain) => (chain === undefined ? [] : [levelChain(problem, chain, weights, Infinity)]));
    const best = bestByLength(levelled, (chain) => bottleneckOf(chain, weights));
    return best[pick(best.map((chain) => (chain === undefined ? Infinity : bottleneckOf(chain, weights)))) - 1];
  }
  const bottlenecks = smallestBottlenecks(new ChainTables(problem), weights, maxStages);
  const length = pick(bottlenecks);
  const limit = (bottlenecks[length - 1] ?? Infinity) * ROUNDING;
  if (limit === Infinity) return undefined;
  const bounded: ChainProblem = {
    ...problem,
    fits: (node, from, to) => problem.fits(node, from, to) && weights.stage(node, from, to) <= limit,
    hopCost: (from, to) => (weights.hop(from, to) <= limit ? problem.hopCost(from, to) : Infinity),
  };
  return exactChains(new ChainTables(bounded), length)[length - 1];
}

/** The largest weight of a chain. */
export function bottleneckOf({ nodes, cuts }: Pick<Chain, 'nodes' | 'cuts'>, weights: Weights): number {
  return Math.max(
    ...nodes.map((node, index) => weights.stage(node, cuts[index] ?? 0, cuts[index + 1] ?? 0)),
    ...nodes.slice(1).map((node, index) => weights.hop(nodes[index] ?? node, node)),
  );
}

function cheapestOf(found: readonly (readonly (Chain | undefined)[])[]): (Chain | undefined)[] {
  return bestByLength(
    found.flat().filter((chain) => chain !== undefined),
    (chain) => chain.cost,
  );
}

function bestByLength(chains: readonly Chain[], measure: (chain: Chain) => number): (Chain | undefined)[] {
  const longest = Math.max(0, ...chains.map((chain) => chain.nodes.length));
  return Array.from({ length: longest }, (_, index) =>
    chains
      .filter((chain) => chain.nodes.length === index + 1)
      .reduce<Chain | undefined>((best, chain) => (best === undefined || measure(chain) < measure(best) ? chain : best), undefined),
  );
}

/** The nodes of the shortest chain found, with the first of every order to fill up. */
function shortlists(best: readonly (Chain | undefined)[], orders: Orders): readonly (readonly number[])[] {
  const shortest = best.find((chain) => chain !== undefined);
  const chosen = shortest === undefined || shortest.nodes.length > SHORTLIST ? [] : shortest.nodes;
  return orders.map((order) => [...new Set([...chosen, ...order])].slice(0, SHORTLIST));
}
