import type { LinkTier } from '@pippa/core';
import { expect, test } from 'vitest';
import { ChainTables } from '../src/chain/chain-tables.ts';
import { exactChains } from '../src/chain/exact-chains.ts';
import { cheapestChains } from '../src/chain/search.ts';
import { LinkTable } from '../src/link-table.ts';
import { ModelCosts } from '../src/model-costs.ts';
import { PlacementProblem } from '../src/placement/placement-problem.ts';
import { PLANNER_LIMITS } from '../src/policy.ts';
import { SpeedModel } from '../src/speed-model.ts';
import { imaginedModel, imaginedNode, wishOf } from './support/imagined.ts';

const HOUSES = 15;
/** One more than are searched exactly, and still few enough to know the truth. */
const NODES = PLANNER_LIMITS.exactNodes + 1;

/** Equal seeds give equal houses: how good a heuristic is must not be a matter of luck. */
function houseOf(seed: number): PlacementProblem {
  let state = seed;
  const random = (from: number, to: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from + ((to - from) * state) / 2 ** 32;
  };
  const tier = (): LinkTier => Math.floor(random(1, 4)) as LinkTier;
  const nodes = Array.from({ length: NODES }, (_, index) =>
    imaginedNode({ name: `n${index}`, budgetGb: random(8, 48), bandwidth: random(50, 800), tier: tier() }),
  );
  const links = nodes.flatMap((a, index) =>
    nodes.slice(index + 1).map((b) => ({ a: a.peer, b: b.peer, tier: tier(), roundTripMs: random(0.2, 8), throughput: 0 })),
  );
  const manifest = imaginedModel({ layers: 24, gigabytes: random(20, 130), vocabularySize: 32_000 });
  const wish = wishOf({ contextTokens: 2048 });
  const costs = new ModelCosts(manifest, wish);
  const table = new LinkTable(nodes, links);
  const speed = new SpeedModel(costs, table, undefined);
  const level = { nodes, soloShare: 0.8, stageShare: 0.9, allowsReluctantHops: seed % 2 === 0 };
  return new PlacementProblem(level, { nodes, costs, links: table, speed, input: { nodes, links, manifest, wish } });
}

test('with more nodes than are searched exactly, the shortest chains are still found, and nearly always the best', () => {
  const ratios: number[] = [];
  for (let seed = 1; seed <= HOUSES; seed += 1) {
    const { chains, orders } = houseOf(seed);
    const best = exactChains(new ChainTables(chains), NODES).find((chain) => chain !== undefined);
    const found = cheapestChains(chains, orders, NODES).find((chain) => chain !== undefined);
    expect(found?.nodes.length).toBe(best?.nodes.length);
    if (best !== undefined && found !== undefined) ratios.push(found.cost / best.cost);
  }
  expect(ratios.length).toBeGreaterThan(HOUSES / 2);
  expect(Math.max(...ratios)).toBeLessThan(1.3);
  expect(ratios.filter((ratio) => ratio < 1.001).length / ratios.length).toBeGreaterThan(0.8);
});
