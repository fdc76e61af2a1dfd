import { PLANNER_LIMITS } from '../policy.ts';
import type { Chain, ChainProblem } from './chain-problem.ts';
import { ChainTables } from './chain-tables.ts';
import { exactChains } from './exact-chains.ts';
import { orderedChains } from './ordered-chains.ts';
import { smallestBottlenecks, type Weights } from './smallest-bottleneck.ts';

/** Halvings of the interval in which a bottleneck is looked for: it is then known to a millionth. */
const HALVINGS = 20;
/** Rounding in sums of costs must not shut out the chain that a bottleneck was found by. */
const ROUNDING = 1 + 1e-9;

/** Orders that chains over many nodes are looked for in. */
export type Orders = readonly (readonly number[])[];

/** The cheapest chains by length: exact for few nodes; for many, the best in the given orders, refined around it. */
export function cheapestChains(problem: ChainProblem, orders: Orders, maxStages: number): (Chain | undefined)[] {
  const tables = new ChainTables(problem);
  if (problem.nodeCount <= PLANNER_LIMITS.exactNodes) return exactChains(tables, maxStages);
  let best: (Chain | undefined)[] = [];
  for (const order of orders) best = cheaper(best, orderedChains(tables, order, maxStages));
  for (const members of shortlists(best, orders)) {
    const refined = exactChains(new ChainTables(subproblem(problem, members)), maxStages);
    best = cheaper(
      best,
      refined.map((chain) => chain && { ...chain, nodes: chain.nodes.map((node) => members[node] ?? node) }),
    );
  }
  return best;
}

/** The smallest bottleneck of chains of each length; Infinity where there is none. Exact for few nodes. */
export function leastBottlenecks(problem: ChainProblem, weights: Weights, orders: Orders, maxStages: number): number[] {
  if (problem.nodeCount <= PLANNER_LIMITS.exactNodes) return smallestBottlenecks(new ChainTables(problem), weights, maxStages);
  return cheapestChains(problem, orders, maxStages).map((chain, index) => {
    let best = chain;
    let low = 0;
    for (let halving = 0; best !== undefined && halving < HALVINGS; halving += 1) {
      const limit = (low + bottleneckOf(best, weights)) / 2;
      const found = cheapestInOrder(within(problem, weights, limit), orders, index + 1);
      if (found === undefined) low = limit;
      else best = found;
    }
    return best === undefined ? Infinity : bottleneckOf(best, weights);
  });
}

/** The cheapest chain of so many stages that stays within a bottleneck. */
export function chainWithin(
  problem: ChainProblem,
  weights: Weights,
  limit: number,
  orders: Orders,
  stages: number,
): Chain | undefined {
  const bounded = within(problem, weights, limit * ROUNDING);
  if (problem.nodeCount <= PLANNER_LIMITS.exactNodes) return exactChains(new ChainTables(bounded), stages)[stages - 1];
  return cheapestInOrder(bounded, orders, stages) ?? cheapestChains(bounded, orders, stages)[stages - 1];
}

function within(problem: ChainProblem, weights: Weights, limit: number): ChainProblem {
  return {
    ...problem,
    fits: (node, from, to) => problem.fits(node, from, to) && weights.stage(node, from, to) <= limit,
    hopCost: (from, to) => (weights.hop(from, to) <= limit ? problem.hopCost(from, to) : Infinity),
  };
}

/** The largest weight of a chain. */
export function bottleneckOf({ nodes, cuts }: Pick<Chain, 'nodes' | 'cuts'>, weights: Weights): number {
  return Math.max(
    ...nodes.map((node, index) => weights.stage(node, cuts[index] ?? 0, cuts[index + 1] ?? 0)),
    ...nodes.slice(1).map((node, index) => weights.hop(nodes[index] ?? node, node)),
  );
}

function cheapestInOrder(problem: ChainProblem, orders: Orders, stages: number): Chain | undefined {
  const tables = new ChainTables(problem);
  let best: Chain | undefined;
  for (const order of orders) {
    const chain = orderedChains(tables, order, stages)[stages - 1];
    if (chain !== undefined && chain.cost < (best?.cost ?? Infinity)) best = chain;
  }
  return best;
}

function cheaper(a: readonly (Chain | undefined)[], b: readonly (Chain | undefined)[]): (Chain | undefined)[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => {
    const [one, other] = [a[index], b[index]];
    if (one === undefined || other === undefined) return one ?? other;
    return other.cost < one.cost ? other : one;
  });
}

/** The nodes of the shortest chain found, and the first of every order, filled up to as many as are searched exactly. */
function shortlists(best: readonly (Chain | undefined)[], orders: Orders): readonly (readonly number[])[] {
  const shortest = best.find((chain) => chain !== undefined);
  const chosen = shortest === undefined || shortest.nodes.length > PLANNER_LIMITS.exactNodes ? [] : shortest.nodes;
  return orders.map((order) => [...new Set([...chosen, ...order])].slice(0, PLANNER_LIMITS.exactNodes));
}

function subproblem(problem: ChainProblem, members: readonly number[]): ChainProblem {
  const member = (node: number): number => members[node] ?? 0;
  return {
    nodeCount: members.length,
    boundaryCount: problem.boundaryCount,
    fits: (node, from, to) => problem.fits(member(node), from, to),
    costUpTo: (node, boundary) => problem.costUpTo(member(node), boundary),
    fixedCost: (node, isLast) => problem.fixedCost(member(node), isLast),
    hopCost: (from, to) => problem.hopCost(member(from), member(to)),
    returnCost: (from, to) => problem.returnCost(member(from), member(to)),
  };
}
