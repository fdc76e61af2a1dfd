import fc from 'fast-check';
import { GIB, peerId } from '@pippa/core';
import { expect, test } from 'vitest';
import { ModelCosts, planPlacement, planRecovery, type Recovered, type RecoveryInput, type StageRange } from '../src/index.ts';
import { imaginedModel, imaginedNode, peers, wishOf, type ImaginedNode } from './support/imagined.ts';

const manifest = imaginedModel({ layers: 12, gigabytes: 12, vocabularySize: 1000 });
const range = (peer: string, from: number, to: number): StageRange => ({ peer: peerId(peer), from, to });
const RING = [range('a', 0, 4), range('b', 4, 8), range('c', 8, 12)];

interface Left {
  readonly lost: readonly string[];
  readonly survivors: readonly ImaginedNode[];
  readonly spares?: readonly StageRange[];
  readonly wish?: Parameters<typeof wishOf>[0];
}

function inputOf({ lost, survivors, spares = [], wish }: Left): RecoveryInput {
  return {
    placement: RING,
    lost: peers(...lost),
    survivors: survivors.map(imaginedNode),
    spares,
    links: [],
    manifest,
    wish: wishOf({ contextTokens: 1024, ...wish }),
  };
}

function recoveredOf(left: Left): Recovered {
  const result = planRecovery(inputOf(left));
  if (result.kind === 'refused') throw new Error(result.reasons.join(' '));
  return result;
}

const shape = ({ stages }: Recovered): string[] => stages.map(({ peer, from, to, origin }) => `${peer} ${from}-${to} ${origin}`);
const full = (name: string): ImaginedNode => ({ name, budgetGb: 6, freeGb: 0.1 });

test('a spare takes over what was lost, and nothing is loaded', () => {
  const recovered = recoveredOf({
    lost: ['b'],
    survivors: [full('a'), full('c'), { name: 'd', budgetGb: 50 }],
    spares: [range('c', 4, 8), range('a', 8, 12)],
  });
  expect(shape(recovered)).toEqual(['a 0-4 kept', 'c 4-8 spare', 'c 8-12 kept']);
  expect(recovered.loadBytes).toBe(0);
});

test('without a spare, a node outside the ring loads what was lost before one of the ring does', () => {
  const survivors = [{ name: 'a', budgetGb: 50, bandwidth: 800 }, full('c'), { name: 'd', budgetGb: 20, bandwidth: 100 }];
  const recovered = recoveredOf({ lost: ['b'], survivors });
  expect(shape(recovered)).toEqual(['a 0-4 kept', 'd 4-8 loaded', 'c 8-12 kept']);
  expect(recovered.loadBytes).toBeCloseTo(4 * GIB, -5);
  expect(shape(recoveredOf({ lost: ['b'], survivors: survivors.slice(0, 2) }))).toEqual([
    'a 0-4 kept',
    'a 4-8 loaded',
    'c 8-12 kept',
  ]);
});

test('what no node has room for alone is shared by several, part of it by a spare', () => {
  const two = (name: string): ImaginedNode => ({ name, budgetGb: 3 });
  expect(shape(recoveredOf({ lost: ['b'], survivors: [full('a'), full('c'), two('d'), two('e')] }))).toEqual([
    'a 0-4 kept',
    expect.stringMatching(/^[de] 4-6 loaded$/),
    expect.stringMatching(/^[de] 6-8 loaded$/),
    'c 8-12 kept',
  ]);
  const withSpare = recoveredOf({ lost: ['b'], survivors: [full('a'), full('c'), two('d')], spares: [range('a', 4, 6)] });
  expect(shape(withSpare)).toEqual(['a 0-4 kept', 'a 4-6 spare', 'd 6-8 loaded', 'c 8-12 kept']);
});

test('the ends of the ring and several stages at once are replaced, the conductor where it must be', () => {
  const survivors = [full('b'), { name: 'd', budgetGb: 20 }, { name: 'e', budgetGb: 20 }];
  const recovered = recoveredOf({ lost: ['a', 'c'], survivors, wish: { first: peerId('e') } });
  expect(shape(recovered)).toEqual(['e 0-4 loaded', 'b 4-8 kept', 'd 8-12 loaded']);
});

test('nodes that may not hold stages keep those they have and get no more', () => {
  const survivors = [
    { name: 'a', budgetGb: 50 },
    full('c'),
    { name: 'd', budgetGb: 20 },
    { name: 'e', budgetGb: 20, bandwidth: 50 },
  ];
  const recovered = recoveredOf({ lost: ['b'], survivors, spares: [range('d', 4, 8)], wish: { exclude: peers('a', 'd') } });
  expect(shape(recovered)).toEqual(['a 0-4 kept', 'e 4-8 loaded', 'c 8-12 kept']);
  const only = recoveredOf({ lost: ['b'], survivors, wish: { only: peers('d', 'a') } });
  expect(shape(only)).toEqual(['a 0-4 kept', 'd 4-8 loaded', 'c 8-12 kept']);
});

test('Wi-Fi is taken only when no wired node has room', () => {
  const laptop: ImaginedNode = { name: 'laptop', budgetGb: 30, bandwidth: 800, tier: 3 };
  const mini: ImaginedNode = { name: 'mini', budgetGb: 30, bandwidth: 50 };
  expect(shape(recoveredOf({ lost: ['b'], survivors: [full('a'), full('c'), laptop, mini] }))[1]).toBe('mini 4-8 loaded');
  expect(shape(recoveredOf({ lost: ['b'], survivors: [full('a'), full('c'), laptop] }))[1]).toBe('laptop 4-8 loaded');
});

test('when nothing can stay everything is placed anew, and when that fails too it is said what is missing', () => {
  // c has room for all 12 layers once its own are given back, but not for 4 to 8 beside what is left of the ring.
  const nodes = [full('c'), { name: 'd', budgetGb: 4.5, freeGb: 4.5 }];
  const anew = planRecovery({
    ...inputOf({ lost: ['a', 'b'], survivors: nodes }),
    placement: [range('a', 0, 3), range('b', 3, 8), range('c', 8, 12)],
  });
  const refused = planRecovery(inputOf({ lost: ['a', 'b'], survivors: [full('c')] }));
  expect(anew.kind).toBe('refused');
  expect(refused).toMatchObject({ kind: 'refused' });
  if (refused.kind === 'refused') {
    expect(refused.reasons[0]).toContain('Layers 0 to 8 are lost');
    expect(refused.missingBytes).toBeGreaterThan(6 * GIB);
  }
});

test('a spare that does not help is dropped when what was lost needs its room', () => {
  const survivors = [full('a'), full('c'), { name: 'd', budgetGb: 6, freeGb: 2 }];
  const recovered = recoveredOf({ lost: ['b'], survivors, spares: [range('d', 8, 12)] });
  expect(shape(recovered)).toEqual(['a 0-4 kept', 'd 4-8 loaded', 'c 8-12 kept']);
  expect(recovered.dropped).toEqual([range('d', 8, 12)]);
  expect(
    recoveredOf({ lost: ['b'], survivors: [...survivors, { name: 'e', budgetGb: 6 }], spares: [range('d', 8, 12)] }).dropped,
  ).toEqual([]);
});

test('one stage that survived moves rather than all of them', () => {
  // d has room for what b holds, but not for what a held; b has room for that once its own is gone.
  const result = planRecovery({
    ...inputOf({ lost: ['a'], survivors: [{ name: 'b', budgetGb: 8, freeGb: 5 }, full('c'), { name: 'd', budgetGb: 4 }] }),
    placement: [range('a', 0, 6), range('b', 6, 8), range('c', 8, 12)],
    manifest: { ...manifest, cuts: [6, 8] },
  });
  expect(result.kind === 'recovered' && shape(result)).toEqual(['b 0-6 loaded', 'd 6-8 loaded', 'c 8-12 kept']);
});

test('surviving stages give back their room when only that helps', () => {
  // Cut at 4 alone: what was lost is one piece, too large for d; but d can take what c holds, and c the rest.
  const model = { ...manifest, cuts: [4] };
  const result = planRecovery({
    ...inputOf({
      lost: ['a'],
      survivors: [
        { name: 'c', budgetGb: 11, freeGb: 6.5 },
        { name: 'd', budgetGb: 6 },
      ],
    }),
    manifest: model,
    placement: [range('a', 4, 12), range('c', 0, 4)],
  });
  expect(result.kind === 'recovered' && shape(result).map((text) => text.replace(/ \w+$/, ''))).toEqual(['d 0-4', 'c 4-12']);
});

test('whatever is lost: what survived stays, the layers are complete, and everything new fits', () => {
  const made = fc.record({
    budgets: fc.array(fc.integer({ min: 3, max: 9 }), { minLength: 3, maxLength: 6 }),
    lost: fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1, maxLength: 3 }),
    spares: fc.array(fc.record({ node: fc.nat(5), from: fc.nat(10), length: fc.integer({ min: 1, max: 4 }) }), { maxLength: 3 }),
  });
  let recoveries = 0;
  fc.assert(
    fc.property(made, ({ budgets, lost, spares }) => {
      const nodes = budgets.map((budgetGb, index) => imaginedNode({ name: `n${index}`, budgetGb }));
      const wish = wishOf({ contextTokens: 1024 });
      const before = planPlacement({ nodes, links: [], manifest, wish });
      if (before.kind === 'refused') return;
      const costs = new ModelCosts(manifest, wish);
      const copies: StageRange[] = [];
      const held = (peer: string): number =>
        [...before.stages, ...copies]
          .filter((stage) => stage.peer === peer)
          .reduce((sum, { from, to }) => sum + costs.memoryBytes(from, to), 0);
      for (const { node, from, length } of spares) {
        const copy = range(`n${node}`, from, Math.min(12, from + length));
        const budget = nodes[node]?.budgetBytes ?? 0;
        if (held(copy.peer) + costs.memoryBytes(copy.from, copy.to) <= budget) copies.push(copy);
      }
      const survivors = nodes.map((node) => ({ ...node, freeBytes: node.freeBytes - held(node.peer) }));
      const gone = lost.map((index) => peerId(`n${index}`));
      const result = planRecovery({ placement: before.stages, lost: gone, survivors, spares: copies, links: [], manifest, wish });
      if (result.kind === 'refused') return;
      recoveries += 1;
      expect(result.stages.map((stage) => stage.from)).toEqual([0, ...result.stages.slice(0, -1).map((stage) => stage.to)]);
      expect(result.stages.at(-1)?.to).toBe(12);
      expect(result.stages.some((stage) => gone.includes(stage.peer))).toBe(false);
      const kept = before.stages.filter((stage) => !gone.includes(stage.peer));
      const stayed = result.stages.filter((stage) => stage.origin === 'kept');
      for (const node of survivors) {
        const bytes = (stages: readonly StageRange[]): number =>
          stages.reduce((sum, { from, to }) => sum + costs.memoryBytes(from, to), 0);
        const own = result.stages.filter((stage) => stage.peer === node.peer);
        const isUsed = (stage: StageRange): boolean => own.some((each) => each.from === stage.from && each.to === stage.to);
        const unused = before.stages.filter((stage) => stage.peer === node.peer && !isUsed(stage));
        const dropped = result.dropped.filter((stage) => stage.peer === node.peer);
        const fresh = own.filter((stage) => stage.origin === 'loaded' || stage.origin === 'rebuilt');
        // Stages that survived give their room back only where not all can stay.
        const room = node.freeBytes + bytes(dropped) + (stayed.length < kept.length ? bytes(unused) : 0);
        expect(bytes(fresh)).toBeLessThanOrEqual(Math.min(node.budgetBytes, room) + 1);
      }
    }),
    { numRuns: 300 },
  );
  expect(recoveries).toBeGreaterThan(30);
});
