import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chainCost, type Chain, type ChainProblem } from '../src/chain/chain-problem.ts';
import { ChainTables } from '../src/chain/chain-tables.ts';
import { exactChains } from '../src/chain/exact-chains.ts';
import { chainExists } from '../src/chain/exists.ts';
import { orderedChains } from '../src/chain/ordered-chains.ts';
import { levelChain } from '../src/chain/level-chain.ts';
import { balancedChain, bottleneckOf } from '../src/chain/search.ts';
import type { Weights } from '../src/chain/smallest-bottleneck.ts';

/** Nodes with room and speed, parts between boundaries with size and time, and hops of which some are forbidden. */
interface Imagined {
  readonly room: readonly number[];
  readonly slowness: readonly number[];
  readonly sizes: readonly number[];
  readonly times: readonly number[];
  readonly inputSize: number;
  readonly headSize: number;
  readonly hops: readonly (readonly number[])[];
}

const FORBIDDEN = 9;

const imagined: fc.Arbitrary<Imagined> = fc
  .record({ nodes: fc.integer({ min: 1, max: 4 }), parts: fc.integer({ min: 1, max: 7 }) })
  .chain(({ nodes, parts }) =>
    fc.record({
      room: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: nodes, maxLength: nodes }),
      slowness: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: nodes, maxLength: nodes }),
      sizes: fc.array(fc.integer({ min: 1, max: 10 }), { minLength: parts, maxLength: parts }),
      times: fc.array(fc.integer({ min: 0, max: 10 }), { minLength: parts, maxLength: parts }),
      inputSize: fc.integer({ min: 0, max: 5 }),
      headSize: fc.integer({ min: 0, max: 5 }),
      hops: fc.array(fc.array(fc.integer({ min: 0, max: FORBIDDEN }), { minLength: nodes, maxLength: nodes }), {
        minLength: nodes,
        maxLength: nodes,
      }),
    }),
  );

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function problemOf({ room, slowness, sizes, times, inputSize, headSize, hops }: Imagined): ChainProblem {
  const end = sizes.length;
  const size = (from: number, to: number): number =>
    sum(sizes.slice(from, to)) + (from === 0 ? inputSize : 0) + (to === end ? headSize : 0);
  return {
    nodeCount: room.length,
    boundaryCount: end + 1,
    fits: (node, from, to) => size(from, to) <= (room[node] ?? 0),
    costUpTo: (node, boundary) => (slowness[node] ?? 1) * sum(times.slice(0, boundary)),
    fixedCost: (node, isLast) => 1 + (isLast ? (slowness[node] ?? 1) * headSize : 0),
    hopCost: (from, to) => ((hops[from]?.[to] ?? 0) === FORBIDDEN ? Infinity : (hops[from]?.[to] ?? 0)),
    returnCost: (from, to) => (from === to ? 0 : (hops[to]?.[from] ?? 0) / 2),
  };
}

function weightsOf(problem: ChainProblem, { slowness, times }: Imagined): Weights {
  return {
    stage: (node, from, to) => (slowness[node] ?? 1) * (1 + sum(times.slice(from, to))),
    hop: (from, to) => problem.hopCost(from, to),
  };
}

/** Every chain there is, by trying all. */
function* allChains(problem: ChainProblem): Generator<Chain> {
  const end = problem.boundaryCount - 1;
  function* grow(nodes: readonly number[], cuts: readonly number[]): Generator<Chain> {
    const at = cuts.at(-1) ?? 0;
    if (at === end) {
      yield { nodes, cuts, cost: chainCost(problem, nodes, cuts) };
      return;
    }
    for (let node = 0; node < problem.nodeCount; node += 1) {
      const last = nodes.at(-1);
      if (nodes.includes(node) || (last !== undefined && problem.hopCost(last, node) === Infinity)) continue;
      for (let to = at + 1; to <= end; to += 1) {
        if (problem.fits(node, at, to)) yield* grow([...nodes, node], [...cuts, to]);
      }
    }
  }
  yield* grow([], [0]);
}

function leastByLength(problem: ChainProblem, measure: (chain: Chain) => number): number[] {
  const least = Array.from({ length: problem.nodeCount }, () => Infinity);
  for (const chain of allChains(problem)) {
    const index = chain.nodes.length - 1;
    least[index] = Math.min(least[index] ?? Infinity, measure(chain));
  }
  return least;
}

function expectSound(problem: ChainProblem, chain: Chain): void {
  expect(chain.cuts[0]).toBe(0);
  expect(chain.cuts.at(-1)).toBe(problem.boundaryCount - 1);
  expect(new Set(chain.nodes).size).toBe(chain.nodes.length);
  chain.nodes.forEach((node, index) => {
    expect(problem.fits(node, chain.cuts[index] ?? 0, chain.cuts[index + 1] ?? 0)).toBe(true);
  });
  expect(chain.cost).toBeLessThan(Infinity);
}

test('the exact search finds the cheapest chain of every length', () => {
  fc.assert(
    fc.property(imagined, (made) => {
      const problem = problemOf(made);
      const found = exactChains(new ChainTables(problem), problem.nodeCount);
      for (const chain of found) if (chain !== undefined) expectSound(problem, chain);
      expect(found.map((chain) => chain?.cost ?? Infinity)).toEqual(leastByLength(problem, (chain) => chain.cost));
    }),
    { numRuns: 500 },
  );
});

test('the smallest bottleneck of every length is found, and a chain that keeps it', () => {
  fc.assert(
    fc.property(imagined, fc.integer({ min: 1, max: 4 }), (made, length) => {
      const problem = problemOf(made);
      const weights = weightsOf(problem, made);
      let told: readonly number[] = [];
      const chain = balancedChain(problem, weights, [], problem.nodeCount, (bottlenecks) => {
        told = bottlenecks;
        return length;
      });
      expect(told).toEqual(leastByLength(problem, (each) => bottleneckOf(each, weights)));
      expect(chain === undefined ? Infinity : bottleneckOf(chain, weights)).toBe(told[length - 1] ?? Infinity);
    }),
    { numRuns: 500 },
  );
});

test('levelling keeps nodes and cost, and finds the smallest bottleneck that they allow', () => {
  fc.assert(
    fc.property(imagined, (made) => {
      const problem = problemOf(made);
      const weights = { ...weightsOf(problem, made), hop: () => 0 };
      for (const chain of exactChains(new ChainTables(problem), problem.nodeCount)) {
        if (chain === undefined) continue;
        const maxCost = chain.cost * 1.2;
        const level = levelChain(problem, chain, weights, maxCost);
        expectSound(problem, level);
        expect(level.cost).toBeLessThanOrEqual(maxCost);
        const same = [...allChains(problem)].filter((each) => each.nodes.join() === chain.nodes.join() && each.cost <= maxCost);
        expect(bottleneckOf(level, weights)).toBe(Math.min(...same.map((each) => bottleneckOf(each, weights))));
      }
    }),
    { numRuns: 200 },
  );
});

test('in one order, the cheapest of the shortest chains is found', () => {
  fc.assert(
    fc.property(imagined, (made) => {
      const problem = problemOf({
        ...made,
        hops: made.hops.map((row, from) => row.map((hop, to) => (to > from ? hop : FORBIDDEN))),
      });
      const order = Array.from({ length: problem.nodeCount }, (_, node) => node);
      // The way back is left out of this search's decisions.
      const oneWay = { ...problem, returnCost: () => 0 };
      const found = orderedChains(new ChainTables(oneWay), order, problem.nodeCount);
      const least = leastByLength(oneWay, (chain) => chain.cost);
      const shortest = least.findIndex((cost) => cost < Infinity);
      expect(found.findIndex((chain) => chain !== undefined)).toBe(shortest);
      if (shortest >= 0) expect(found[shortest]?.cost).toBe(least[shortest]);
    }),
    { numRuns: 500 },
  );
});

test('whether there is a chain at all is known without looking for the best', () => {
  fc.assert(
    fc.property(imagined, (made) => {
      const problem = problemOf({ ...made, hops: made.hops.map((row) => row.map(() => 1)) });
      expect(chainExists(problem, [])).toBe(allChains(problem).next().done !== true);
    }),
    { numRuns: 500 },
  );
});
