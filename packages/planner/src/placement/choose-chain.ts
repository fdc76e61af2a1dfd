import type { Chain } from '../chain/chain-problem.ts';
import { levelChain } from '../chain/level-chain.ts';
import { balancedChain, cheapestChains } from '../chain/search.ts';
import type { Weights } from '../chain/smallest-bottleneck.ts';
import { PLANNER_LIMITS, POLICY } from '../policy.ts';
import type { SpeedModel, StageOnNode } from '../speed-model.ts';
import type { Wish } from '../types.ts';
import type { PlacementProblem } from './placement-problem.ts';

/** A chosen chain, and what was thought of longer ones, in words. */
export interface Choice {
  readonly stages: readonly StageOnNode[];
  readonly remarks: readonly string[];
}

/** The placement that the wish's strategy takes at this level; undefined when the model does not fit. */
export function chooseChain(problem: PlacementProblem, speed: SpeedModel, wish: Wish): Choice | undefined {
  const most = Math.min(problem.level.nodes.length, PLANNER_LIMITS.stages, wish.split ?? Infinity);
  if (wish.split !== undefined && wish.split > most) return undefined;
  if (wish.strategy === 'throughput') return balanced(problem, problem.busyMs, wish, most);
  if (wish.split === undefined || wish.split === 1) {
    const [solo] = cheapestChains(problem.chains, problem.orders, 1);
    if (solo !== undefined) return { stages: problem.stagesOf(solo), remarks: [] };
  }
  return wish.strategy === 'memory' ? balanced(problem, problem.fullness, wish, most) : fastest(problem, speed, wish, most);
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
  return levelChain(problem.chains, chain, problem.busyMs, chain.cost * (1 + POLICY.levellingLoss));
}

/**
 * The chain whose largest weight is smallest. Which length: the one asked for; for `throughput`, more nodes while each brings
 * something and there are sequences to keep them busy; else the fewest that fit.
 */
function balanced(problem: PlacementProblem, weights: Weights, wish: Wish, most: number): Choice | undefined {
  const { chains, orders } = problem;
  const chain = balancedChain(chains, weights, orders, most, (bottlenecks) => wish.split ?? lengthOf(bottlenecks, wish));
  return chain && { stages: problem.stagesOf(chain), remarks: [] };
}

function lengthOf(bottlenecks: readonly number[], wish: Wish): number {
  const fewest = bottlenecks.findIndex((bottleneck) => bottleneck < Infinity) + 1;
  let length = fewest;
  if (wish.strategy !== 'throughput') return length;
  for (let longer = fewest + 1; longer <= Math.min(bottlenecks.length, wish.parallelSequences); longer += 1) {
    const gain = (bottlenecks[length - 1] ?? Infinity) / (bottlenecks[longer - 1] ?? Infinity) - 1;
    if (gain >= POLICY.worthwhileGain) length = longer;
  }
  return length;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
