import type { Chain } from '../chain/chain-problem.ts';
import { levelChain } from '../chain/level-chain.ts';
import { balancedChain, cheapestChains } from '../chain/search.ts';
import { PLANNER_LIMITS, POLICY } from '../policy.ts';
import type { SpeedModel, StageOnNode } from '../speed-model.ts';
import type { Wish } from '../types.ts';
import type { PlacementProblem } from './placement-problem.ts';

/** Nodes that are tried beyond the fewest, for throughput. */
const MOST_ADDED = 3;

/** A chosen chain, and what was thought of longer ones, in words. */
export interface Choice {
  readonly stages: readonly StageOnNode[];
  readonly remarks: readonly string[];
}

/** The placement that the wish's strategy takes at this level; undefined when the model does not fit. */
export function chooseChain(problem: PlacementProblem, speed: SpeedModel, wish: Wish): Choice | undefined {
  const most = Math.min(problem.level.nodes.length, PLANNER_LIMITS.stages, wish.split ?? Infinity);
  if (wish.split !== undefined && wish.split > most) return undefined;
  if (wish.strategy === 'throughput') return busiest(problem, speed, wish, most);
  if (wish.split === undefined || wish.split === 1) {
    const [solo] = cheapestChains(problem.chains, problem.orders, 1);
    if (solo !== undefined) return { stages: problem.stagesOf(solo), remarks: [] };
  }
  return wish.strategy === 'memory' ? emptiest(problem, wish, most) : fastest(problem, speed, wish, most);
}

/** The fewest nodes that fit, and more where they pay. */
function fastest(problem: PlacementProblem, speed: SpeedModel, wish: Wish, most: number): Choice | undefined {
  const chains = cheapestChains(problem.chains, problem.orders, most);
  if (wish.split !== undefined) {
    const chain = chains[wish.split - 1];
    return chain && { stages: problem.stagesOf(levelled(chain, problem)), remarks: [] };
  }
  const [fewest, ...longer] = chains.filter((chain) => chain !== undefined);
  if (fewest === undefined) return undefined;
  let best: Chain = fewest;
  const remarks: string[] = [];
  for (const chain of longer) {
    const gain = best.cost / chain.cost - 1;
    if (gain < POLICY.worthwhileGain) continue;
    const { networkShare } = speed.predict(problem.stagesOf(chain), wish);
    const count = chain.nodes.length;
    if (networkShare >= POLICY.networkShare) {
      remarks.push(
        `${count} nodes would be ${percent(gain)} faster, but spend ${percent(networkShare)} of a token's time in the network: none is added for speed from ${percent(POLICY.networkShare)} on.`,
      );
      continue;
    }
    remarks.push(`${count} nodes are ${percent(gain)} faster than ${best.nodes.length}.`);
    best = chain;
  }
  return { stages: problem.stagesOf(levelled(best, problem)), remarks };
}

/** Shared out evenly where a token's time hardly changes by it: prompts and many sequences are faster then. */
function levelled(chain: Chain, problem: PlacementProblem): Chain {
  return levelChain(problem.chains, chain, problem.busyMs(1), chain.cost * (1 + POLICY.levellingLoss));
}

/** The layers with which the fullest node is emptiest, over the fewest nodes that fit. */
function emptiest(problem: PlacementProblem, wish: Wish, most: number): Choice | undefined {
  const { chains, orders, fullness } = problem;
  const chain = balancedChain(chains, fullness, orders, most, (bottlenecks) => wish.split ?? fewestOf(bottlenecks));
  return chain && { stages: problem.stagesOf(chain), remarks: [] };
}

/** The layers with which the slowest stage is fastest, over the fewest nodes that fit, and more where they pay. */
function busiest(problem: PlacementProblem, speed: SpeedModel, wish: Wish, most: number): Choice | undefined {
  const { chains, orders } = problem;
  // With as many groups of sequences under way as there are stages.
  const rows = (length: number): number => Math.ceil(wish.parallelSequences / Math.min(length, wish.parallelSequences));
  let fewest = wish.split ?? 0;
  const atLeast = balancedChain(chains, problem.busyMs(rows(fewest || 1)), orders, most, (bottlenecks) => {
    fewest = wish.split ?? fewestOf(bottlenecks);
    return fewest;
  });
  if (atLeast === undefined) return undefined;
  let best = { chain: atLeast, rate: throughputOf(atLeast, problem, speed, wish) };
  const remarks: string[] = [];
  const longest = wish.split ?? Math.min(most, wish.parallelSequences, fewest + MOST_ADDED);
  for (let length = fewest + 1; length <= longest; length += 1) {
    const chain = balancedChain(chains, problem.busyMs(rows(length)), orders, length, () => length);
    if (chain === undefined) continue;
    const rate = throughputOf(chain, problem, speed, wish);
    const gain = rate / best.rate - 1;
    if (gain < POLICY.worthwhileGain) continue;
    remarks.push(`${length} nodes give ${percent(gain)} more tokens a second than ${best.chain.nodes.length}.`);
    best = { chain, rate };
  }
  return { stages: problem.stagesOf(best.chain), remarks };
}

function throughputOf(chain: Chain, problem: PlacementProblem, speed: SpeedModel, wish: Wish): number {
  return speed.predict(problem.stagesOf(chain), wish).throughputTokensPerSecond;
}

/** The shortest length that there is a chain of; 0: none. */
function fewestOf(bottlenecks: readonly number[]): number {
  return bottlenecks.findIndex((bottleneck) => bottleneck < Infinity) + 1;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
