import { GIB, peerId } from '@pippa/core';
import { expect, test } from 'vitest';
import { planSpares, type PlannedSpare, type StageRange } from '../src/index.ts';
import { imaginedModel, imaginedNode, wishOf, type ImaginedNode } from './support/imagined.ts';

const manifest = imaginedModel({ layers: 12, gigabytes: 12, vocabularySize: 1000 });
const range = (peer: string, from: number, to: number): StageRange => ({ peer: peerId(peer), from, to });
const RING = [range('studio', 0, 4), range('laptop', 4, 8), range('attic', 8, 12)];
const shape = (spares: readonly PlannedSpare[]): string[] => spares.map(({ peer, from, to }) => `${peer} ${from}-${to}`);

function sparesOn(nodes: readonly ImaginedNode[], spares: readonly StageRange[] = []): readonly PlannedSpare[] {
  return planSpares({
    nodes: nodes.map(imaginedNode),
    links: [],
    manifest,
    wish: wishOf({ contextTokens: 1024 }),
    placement: RING,
    spares,
  });
}

const laptop: ImaginedNode = { name: 'laptop', budgetGb: 40, power: 'battery' };
const attic: ImaginedNode = { name: 'attic', budgetGb: 40, tier: 3 };

test('with room for one copy, it is of the laptop on battery; with more, of the node on Wi-Fi; then of the others', () => {
  const full = (node: ImaginedNode): ImaginedNode => ({ ...node, freeGb: 1 });
  const studio = (freeGb: number): ImaginedNode => ({ name: 'studio', budgetGb: 40, freeGb });
  const small = (name: string): ImaginedNode => ({ name, budgetGb: 6 });
  const nodes = [full(laptop), full(attic), studio(1)];
  expect(shape(sparesOn([...nodes, small('x')]))).toEqual(['x 4-8']);
  expect(shape(sparesOn([...nodes, small('x'), small('y')]))).toEqual(['x 4-8', 'y 8-12']);
  expect(shape(sparesOn([...nodes, small('x'), small('y'), small('z')]))).toEqual(['x 4-8', 'y 8-12', 'z 0-4']);
});

test('copies go to steady nodes, outside the ring before inside, and never onto the node that they stand in for', () => {
  const studio: ImaginedNode = { name: 'studio', budgetGb: 40 };
  const spares = sparesOn([studio, laptop, attic]);
  expect(shape(spares)).toEqual(['studio 4-8', 'studio 8-12', expect.stringMatching(/^attic 0-4$/)]);
  expect(spares[0]?.reason).toContain('laptop runs on battery: studio keeps a copy of layers 4 to 8');
  expect(shape(sparesOn([studio, laptop, attic, { name: 'mini', budgetGb: 10 }]))[0]).toBe('mini 4-8');
});

test('memory for other models stays free', () => {
  const [spare] = sparesOn([{ name: 'studio', budgetGb: 100, freeGb: 25 }, laptop, attic]);
  expect(spare?.memory.total).toBeLessThan(5 * GIB);
  // 4 of the 23 that are free would leave less than a fifth of the budget.
  expect(shape(sparesOn([{ name: 'studio', budgetGb: 100, freeGb: 23 }]))).toEqual([]);
});

test('what has a copy gets no second one', () => {
  const mini: ImaginedNode = { name: 'mini', budgetGb: 40 };
  expect(shape(sparesOn([mini], [range('mini', 4, 8)]))).toEqual(['mini 0-4', 'mini 8-12']);
});
