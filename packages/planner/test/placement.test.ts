import fc from 'fast-check';
import { GIB, peerId } from '@pippa/core';
import { expect, test } from 'vitest';
import {
  ModelCosts,
  planPlacement,
  POLICY,
  type Placed,
  type PlacementInput,
  type PlannerNode,
  type Refused,
} from '../src/index.ts';
import { LinkTable } from '../src/link-table.ts';
import { SpeedModel } from '../src/speed-model.ts';
import { imaginedModel, imaginedNode, peers, wishOf, type ImaginedModel, type ImaginedNode } from './support/imagined.ts';

interface Asked {
  readonly nodes: readonly (ImaginedNode | PlannerNode)[];
  readonly model?: Partial<ImaginedModel>;
  readonly wish?: Parameters<typeof wishOf>[0];
  readonly links?: PlacementInput['links'];
}

function inputOf({ nodes, model, wish, links = [] }: Asked): PlacementInput {
  return {
    nodes: nodes.map((node) => ('peer' in node ? node : imaginedNode(node))),
    links,
    manifest: imaginedModel({ layers: 40, gigabytes: 40, ...model }),
    wish: wishOf(wish),
  };
}

function placedOf(asked: Asked): Placed {
  const result = planPlacement(inputOf(asked));
  if (result.kind === 'refused') throw new Error(result.reasons.join(' '));
  return result;
}

function refusedOf(asked: Asked): Refused {
  const result = planPlacement(inputOf(asked));
  if (result.kind === 'placed') throw new Error('It was placed.');
  return result;
}

const linksOf = (nodes: readonly { readonly name: string }[], roundTripMs: number): PlacementInput['links'] =>
  nodes.flatMap((a) =>
    nodes.map((b) => ({ a: peerId(a.name), b: peerId(b.name), tier: 2 as const, roundTripMs, throughput: 100e6 })),
  );
const who = (placed: Placed): string[] => placed.stages.map((stage) => stage.peer);
const whole = (wish = {}): number =>
  new ModelCosts(imaginedModel({ layers: 40, gigabytes: 40 }), wishOf(wish)).memoryBytes(0, 40) / GIB;

test('what is loaded there is told where it is why a model fills a node beyond 0.8', () => {
  const [reason] = placedOf({ nodes: [{ name: 'studio', budgetGb: 200, freeGb: whole() + 1 }] }).reasons;
  expect(reason).toMatch(/takes \S+ GB, 2\d% of what studio gives models, (99|100)% with what is loaded there: more than 80%/);
});

test('a model that takes up to 0.8 of a node runs there alone, on the fastest such node', () => {
  const enough = whole() / POLICY.soloShare + 0.01;
  const nodes = [
    { name: 'slow', budgetGb: enough, bandwidth: 200 },
    { name: 'fast', budgetGb: enough, bandwidth: 400 },
    { name: 'faster-but-small', budgetGb: enough - 0.02, bandwidth: 800 },
  ];
  expect(who(placedOf({ nodes }))).toEqual(['fast']);
  expect(who(placedOf({ nodes, wish: { strategy: 'memory' } }))).toHaveLength(1);
  const none = nodes.map((node) => ({ ...node, budgetGb: enough - 0.02 }));
  expect(who(placedOf({ nodes: none }))).toHaveLength(2);
});

test('what is loaded already counts against the share, and a model that only just fits stays on one node with a warning', () => {
  const enough = whole() / POLICY.soloShare + 0.01;
  expect(
    who(
      placedOf({
        nodes: [
          { name: 'a', budgetGb: enough + 10, freeGb: enough },
          { name: 'b', budgetGb: 30 },
        ],
      }),
    ),
  ).toHaveLength(2);
  const tight = placedOf({ nodes: [{ name: 'only', budgetGb: whole() + 0.1 }] });
  expect(who(tight)).toEqual(['only']);
  expect(tight.warnings.join(' ')).toContain('only is filled to the brim');
});

test('memory is counted as weights, context and working space of each stage, embeddings first and head last', () => {
  const placed = placedOf({
    nodes: [
      { name: 'a', budgetGb: 30 },
      { name: 'b', budgetGb: 30 },
    ],
  });
  const manifest = imaginedModel({ layers: 40, gigabytes: 40 });
  const [first, last] = placed.stages;
  if (first === undefined || last === undefined) throw new Error('Two stages were expected.');
  expect(first.memory.weights).toBe((first.to - first.from) * GIB + manifest.inputBytes + manifest.otherBytes);
  expect(last.memory.weights).toBe((last.to - last.from) * GIB + manifest.outputBytes + manifest.otherBytes);
  expect(first.memory.context).toBe((first.to - first.from) * 4096 * 8192 * 4);
  expect(first.memory.compute).toBeGreaterThan(0);
  for (const { memory } of placed.stages) expect(memory.total).toBe(memory.weights + memory.context + memory.compute);
});

test('Wi-Fi holds a stage only when memory forces it, and then it is said', () => {
  const nodes = [
    { name: 'studio', budgetGb: 40 },
    { name: 'mini', budgetGb: 30, bandwidth: 100 },
    { name: 'laptop', budgetGb: 60, bandwidth: 800, tier: 3 as const },
  ];
  const wired = placedOf({ nodes });
  expect(who(wired).sort()).toEqual(['mini', 'studio']);
  expect(wired.reasons.join(' ')).toContain('laptop is on Wi-Fi');
  const forced = placedOf({ nodes, model: { gigabytes: 70 } });
  expect(who(forced)).toContain('laptop');
  expect(forced.warnings.join(' ')).toContain('Wi-Fi');
});

test('a conductor on Wi-Fi holds the model alone where it can, and the others only where it cannot', () => {
  const nodes = [
    { name: 'studio', budgetGb: 60 },
    { name: 'mini', budgetGb: 60 },
    { name: 'laptop', budgetGb: 60, tier: 3 as const },
  ];
  const first = peerId('laptop');
  expect(who(placedOf({ nodes, wish: { first } }))).toEqual(['laptop']);
  expect(who(placedOf({ nodes, wish: { first }, model: { gigabytes: 70 } }))[0]).toBe('laptop');
});

test('nodes of which every way is Wi-Fi are all there is: the fastest that it fits has it', () => {
  const nodes = [
    { name: 'laptop', budgetGb: 100, bandwidth: 200, tier: 0 as const },
    { name: 'studio', budgetGb: 100, bandwidth: 800, tier: 3 as const },
  ];
  expect(who(placedOf({ nodes }))).toEqual(['studio']);
});

test('a faster node is added for speed, unless the network would take a fifth of the time', () => {
  const nodes = [
    { name: 'large', budgetGb: 48, bandwidth: 100 },
    { name: 'small', budgetGb: 14, bandwidth: 100 },
    { name: 'fast', budgetGb: 22, bandwidth: 800 },
    { name: 'faster', budgetGb: 22, bandwidth: 800 },
  ];
  const placed = placedOf({ nodes });
  expect(who(placed)).toContain('fast');
  expect(who(placed)).toContain('faster');
  expect(placed.predicted.networkShare).toBeLessThan(POLICY.networkShare);

  const slowLinks = linksOf(nodes, 60);
  const kept = placedOf({ nodes, links: slowLinks });
  expect(kept.stages).toHaveLength(2);
  expect(kept.reasons.join(' ')).toMatch(/3 nodes would be \d+% faster, but spend \d+% of a token's time in the network/);
  expect(placedOf({ nodes, links: linksOf(nodes, 200) }).warnings.join(' ')).toMatch(/The network takes \d+% of a token's time/);
});

test('a weak node is left out of a ring that does not need it, and is last to be taken into one that does', () => {
  const nodes = [
    { name: 'a', budgetGb: 40, bandwidth: 400 },
    { name: 'weak', budgetGb: 40, bandwidth: 50 },
    { name: 'b', budgetGb: 40, bandwidth: 400 },
  ];
  expect(who(placedOf({ nodes })).sort()).toEqual(['a', 'b']);
});

test('memory shares layers by budget, throughput by speed, and speed fills the fast node', () => {
  const nodes = [
    { name: 'large-slow', budgetGb: 40, bandwidth: 200 },
    { name: 'small-fast', budgetGb: 20, bandwidth: 400 },
  ];
  const layers = (strategy: 'memory' | 'speed' | 'throughput'): number => {
    const { stages } = placedOf({ nodes, wish: { strategy, contextTokens: 1024 } });
    const stage = stages.find(({ peer }) => peer === 'large-slow');
    return stage === undefined ? 0 : stage.to - stage.from;
  };
  expect(layers('memory')).toBeCloseTo(27, -1);
  expect(layers('speed')).toBeLessThan(layers('memory'));
  const even = [
    { name: 'slow', budgetGb: 100, bandwidth: 200 },
    { name: 'fast', budgetGb: 100, bandwidth: 600 },
  ];
  const many = { parallelSequences: 32, contextTokens: 1024 };
  const throughput = placedOf({ nodes: even, wish: { ...many, strategy: 'throughput' } });
  const [one, other] = throughput.stages.map((stage) => stage.computeMs);
  expect(Math.abs((one ?? 0) - (other ?? 0)) / (one ?? 1)).toBeLessThan(0.1);
  const alone = placedOf({ nodes: even, wish: many });
  expect(throughput.predicted.throughputTokensPerSecond).toBeGreaterThan(1.2 * alone.predicted.throughputTokensPerSecond);
});

test('sequences of one step share the reading of the weights, so that few of them gain nothing by a further node', () => {
  const nodes = ['a', 'b'].map((name) => ({ name, budgetGb: 100 }));
  const [one, four] = [1, 4].map((parallelSequences) => placedOf({ nodes, wish: { parallelSequences, strategy: 'throughput' } }));
  expect(four?.stages).toHaveLength(1);
  expect(four?.predicted.throughputTokensPerSecond).toBeGreaterThan(3 * (one?.predicted.throughputTokensPerSecond ?? Infinity));
});

test('equally fast nodes share the layers evenly', () => {
  const { stages } = placedOf({
    nodes: [
      { name: 'a', budgetGb: 40 },
      { name: 'b', budgetGb: 40 },
    ],
  });
  expect(stages.map((stage) => stage.to - stage.from)).toEqual([20, 20]);
});

test('neighbours are those with the fast links', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => ({ name, budgetGb: 15 }));
  const thunderbolt = (a: string, b: string) => ({
    a: peerId(a),
    b: peerId(b),
    tier: 1 as const,
    roundTripMs: 0.3,
    throughput: 1e9,
  });
  const { stages } = placedOf({ nodes, links: [thunderbolt('a', 'c'), thunderbolt('c', 'b'), thunderbolt('b', 'd')] });
  const order = stages.map((stage) => stage.peer).join('');
  expect(['acbd', 'dbca']).toContain(order);
});

test('a token of a mixture of experts is predicted by the weights that it uses', () => {
  const nodes = [{ name: 'a', budgetGb: 100 }];
  const dense = placedOf({ nodes }).predicted.decodeTokensPerSecond;
  const sparse = placedOf({ nodes, model: { activeShare: 0.1 } }).predicted.decodeTokensPerSecond;
  expect(sparse / dense).toBeGreaterThan(6);
});

test('cuts are only made where the model allows them', () => {
  const { stages } = placedOf({
    nodes: [
      { name: 'a', budgetGb: 35 },
      { name: 'b', budgetGb: 35 },
    ],
    model: { cuts: [15] },
  });
  expect(stages[0]?.to).toBe(15);
  const refused = refusedOf({
    nodes: [
      { name: 'a', budgetGb: 35 },
      { name: 'b', budgetGb: 35 },
    ],
    model: { cuts: [] },
  });
  expect(refused.reasons.join(' ')).toContain('is not split');
});

test('a wish for a number of stages, a first node, or exact stages is kept or refused', () => {
  const nodes = ['a', 'b', 'c'].map((name) => ({ name, budgetGb: 100 }));
  expect(placedOf({ nodes, wish: { split: 3 } }).stages).toHaveLength(3);
  expect(refusedOf({ nodes, wish: { split: 4 } }).reasons).toEqual(['4 stages need 4 nodes; there are 3.']);
  expect(refusedOf({ nodes, wish: { split: 3 }, model: { cuts: [20] } }).reasons.join()).toContain('at most 2 stages');
  expect(who(placedOf({ nodes, wish: { split: 2, first: peerId('c') } }))[0]).toBe('c');
  expect(who(placedOf({ nodes, wish: { only: peers('b') } }))).toEqual(['b']);
  expect(who(placedOf({ nodes, wish: { exclude: peers('a', 'b') } }))).toEqual(['c']);

  const stages = [
    { peer: peerId('b'), from: 0, to: 7 },
    { peer: peerId('a'), from: 7, to: 40 },
  ];
  expect(placedOf({ nodes, wish: { stages } }).stages).toMatchObject(stages);
  const hole = stages.map((stage) => ({ ...stage, from: stage.from && 8 }));
  expect(refusedOf({ nodes, wish: { stages: hole } }).reasons).toEqual(['A stage begins at layer 8; the one before it ends at 7.']);
  const full = nodes.map((node) => ({
    ...imaginedNode({ ...node, freeGb: 1 }),
    loaded: stages
      .filter(({ peer }) => peer === node.name)
      .map(({ from, to }) => ({ model: imaginedModel({ layers: 1, gigabytes: 1 }).id, from, to })),
  }));
  expect(placedOf({ nodes: full, wish: { stages } }).stages).toMatchObject(stages);
  const small = [
    { name: 'a', budgetGb: 20 },
    { name: 'b', budgetGb: 100 },
  ];
  expect(refusedOf({ nodes: small, wish: { stages } }).missingBytes).toBeGreaterThan(13 * GIB);
});

test('a refusal says what is missing and what would change it', () => {
  const refused = refusedOf({
    nodes: [
      { name: 'studio', budgetGb: 50, freeGb: 30 },
      { name: 'mini', budgetGb: 8 },
    ],
  });
  const text = [...refused.reasons, ...refused.suggestions].join('\n');
  expect(text).toMatch(/It needs \d+\.\d GB more\b/);
  expect(text).toContain('Free 20.0 GB on studio: other models take it.');
  expect(text).toMatch(/Use Q\d\S* instead of Q4_K_M \(about \d+\.\d GB\)\./);
  expect(refused.missingBytes).toBeGreaterThan(5 * GIB);
  const long = refusedOf({ nodes: [{ name: 'studio', budgetGb: 60 }], wish: { contextTokens: 131_072 } });
  expect(long.suggestions.join('\n')).toMatch(/Ask for a context of \d+ tokens instead of 131072\./);
  expect(refusedOf({ nodes: [] }).reasons).toEqual(['There is no node that may hold a stage.']);
});

test('slow talk is warned of in the interactive lane alone', () => {
  const nodes = [{ name: 'slow', budgetGb: 100, bandwidth: 100 }];
  expect(placedOf({ nodes }).warnings.join(' ')).toContain('too slow to talk to');
  expect(placedOf({ nodes, wish: { lane: 'batch' } }).warnings).toEqual([]);
});

const house = fc.array(
  fc.record({
    budgetGb: fc.integer({ min: 2, max: 40 }),
    bandwidth: fc.integer({ min: 50, max: 800 }),
    tier: fc.constantFrom(1, 2, 3),
  }),
  { minLength: 1, maxLength: 12 },
);
const wishes = fc.record({
  strategy: fc.constantFrom('memory', 'speed', 'throughput'),
  parallelSequences: fc.integer({ min: 1, max: 8 }),
  contextTokens: fc.constantFrom(512, 8192),
});

test('whatever the house: stages follow each other, end at allowed cuts, fit, and do not depend on the order of the nodes', () => {
  fc.assert(
    fc.property(house, wishes, fc.integer({ min: 1, max: 3 }), (made, wish, period) => {
      const cuts = Array.from({ length: 39 }, (_, index) => index + 1).filter((cut) => cut % period === 0);
      const nodes = made.map((node, index) => imaginedNode({ name: `n${index}`, ...node }));
      const input = inputOf({ nodes, wish, model: { cuts } });
      const result = planPlacement(input);
      expect(planPlacement({ ...input, nodes: nodes.toReversed() })).toEqual(result);
      if (result.kind === 'refused') {
        // What is said to be missing is what is missing, on the roomiest node at the most.
        const generous = nodes.map((node) => ({ ...node, freeBytes: node.freeBytes + result.missingBytes * 1.001 }));
        expect(planPlacement({ ...input, nodes: generous }).kind).toBe('placed');
        return;
      }
      expect(result.stages[0]?.from).toBe(0);
      expect(result.stages.at(-1)?.to).toBe(40);
      for (const [index, stage] of result.stages.entries()) {
        if (index > 0) expect(stage.from).toBe(result.stages[index - 1]?.to);
        expect([...cuts, 40]).toContain(stage.to);
        expect(stage.memory.total).toBeLessThanOrEqual(nodes.find((node) => node.peer === stage.peer)?.freeBytes ?? 0);
      }
      expect(new Set(who(result)).size).toBe(result.stages.length);
      expect(result.predicted.decodeTokensPerSecond).toBeGreaterThan(0);
    }),
    { numRuns: 150 },
  );
});

test('no placement on as few nodes is faster by more than levelling may cost', () => {
  const small = fc.array(fc.record({ budgetGb: fc.integer({ min: 8, max: 30 }), bandwidth: fc.integer({ min: 50, max: 800 }) }), {
    minLength: 2,
    maxLength: 4,
  });
  fc.assert(
    fc.property(small, (made) => {
      const nodes = made.map((node, index) => imaginedNode({ name: `n${index}`, ...node }));
      const input = inputOf({ nodes, model: { layers: 8, gigabytes: 24 } });
      const result = planPlacement(input);
      if (result.kind === 'refused') return;
      const costs = new ModelCosts(input.manifest, input.wish);
      const speed = new SpeedModel(costs, new LinkTable(nodes, []), undefined);
      const limit = (node: PlannerNode): number => node.freeBytes - (1 - POLICY.stageShare) * node.budgetBytes;
      if (result.stages.some((stage) => stage.memory.total > limit(nodes.find((node) => node.peer === stage.peer) as PlannerNode)))
        return;
      for (const order of permutations(nodes, result.stages.length)) {
        for (const cuts of cutsOf(8, order.length)) {
          const stages = order.map((node, index) => ({ node, peer: node.peer, from: cuts[index] ?? 0, to: cuts[index + 1] ?? 8 }));
          if (stages.some(({ node, from, to }) => costs.memoryBytes(from, to) > limit(node))) continue;
          const rate = speed.predict(stages, input.wish).decodeTokensPerSecond;
          // Preferences decide between what is as good as equal.
          expect(result.predicted.decodeTokensPerSecond * (1 + POLICY.levellingLoss) * 1.002).toBeGreaterThanOrEqual(rate);
        }
      }
    }),
    { numRuns: 60 },
  );
});

function* permutations<Item>(items: readonly Item[], length: number): Generator<Item[]> {
  if (length === 0) yield [];
  else
    for (const item of items)
      for (const rest of permutations(
        items.filter((other) => other !== item),
        length - 1,
      ))
        yield [item, ...rest];
}

function* cutsOf(layers: number, stages: number, from = 0): Generator<number[]> {
  if (stages === 1) yield [from, layers];
  else
    for (let to = from + 1; to <= layers - stages + 1; to += 1)
      for (const rest of cutsOf(layers, stages - 1, to)) yield [from, ...rest];
}
