import { peerId, type GenerationEvent } from '@pippa/core';
import type { PlacedStage } from '@pippa/protocol';
import { PlacementRefusedError } from '../src/index.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { planRetirement } from '../src/front/plan-retirement.ts';
import { mayBeOutrun, surplus, wantsCopy } from '../src/front/plan-copy.ts';
import { cardOf } from './support/card-of.ts';
import { collect, expectedTokens, House, request, wish, type Member } from './support/house.ts';

const signal = new AbortController().signal;
const full = { running: 4, waiting: 1 };

describe('another copy', () => {
  const own = cardOf('b', full);
  const circumstances = { own, queuedMs: 5000, others: [], settings: { most: 4, queuedMs: 3000 } };

  it('is wanted when requests have waited for a while and all there are have enough to do', () => {
    expect(wantsCopy(circumstances)).toBe(true);
    expect(wantsCopy({ ...circumstances, queuedMs: 1000 })).toBe(false);
    expect(wantsCopy({ ...circumstances, own: cardOf('b', { running: 4 }) })).toBe(false);
    expect(wantsCopy({ ...circumstances, others: [cardOf('c', { running: 3 })] })).toBe(false);
    expect(wantsCopy({ ...circumstances, others: [cardOf('c', full)] })).toBe(true);
  });

  it('comes up one at a time, and no more than may be', () => {
    expect(wantsCopy({ ...circumstances, others: [cardOf('c', { ...full, state: 'loading' })] })).toBe(false);
    expect(wantsCopy({ ...circumstances, others: [cardOf('a', full)] })).toBe(false);
    expect(wantsCopy({ ...circumstances, others: [cardOf('a', { running: 4 })] })).toBe(true);
    expect(wantsCopy({ ...circumstances, settings: { most: 1, queuedMs: 0 } })).toBe(false);
    expect(
      wantsCopy({ ...circumstances, others: [cardOf('c', full), cardOf('d', full)], settings: { most: 3, queuedMs: 0 } }),
    ).toBe(false);
  });

  it('is of no use to a ring whose nodes somebody named', () => {
    expect(wantsCopy({ ...circumstances, own: cardOf('b', { ...full, isFixed: true }) })).toBe(false);
  });

  it('gets its part of those who wait', () => {
    expect(surplus({ running: 4, waiting: 8 }, [cardOf('c')])).toBe(4);
    expect(surplus({ running: 4, waiting: 12 }, [cardOf('c', { running: 4, waiting: 4 }), cardOf('d')])).toBe(4);
    expect(surplus({ running: 4, waiting: 1 }, [cardOf('c')])).toBe(1);
    expect(surplus({ running: 4, waiting: 2 }, [cardOf('c', { running: 4, waiting: 2 })])).toBe(0);
  });

  it('goes when nobody used it for minutes, and what it is a copy of stays', () => {
    const copy = cardOf('a', { isCopy: true });
    const original = cardOf('z');
    const copyIdleMs = 120_000;
    expect(planRetirement({ own: copy, idleMs: 60_000, others: [original], copyIdleMs })).toBeUndefined();
    expect(planRetirement({ own: copy, idleMs: 120_000, others: [original], copyIdleMs })).toBe(original);
    expect(planRetirement({ own: original, idleMs: 120_000, others: [{ ...copy, running: 1 }], copyIdleMs })).toBeUndefined();
    expect(planRetirement({ own: copy, idleMs: 120_000, others: [], copyIdleMs })).toBeUndefined();
  });
});

describe('a node alone that would be faster', () => {
  const stages = ['b', 'c'].map((name, index) => ({ peer: peerId(name), from: 6 * index, to: 6 * index + 6 }));
  const own = cardOf('b', { stages, running: 1, measuredTokensPerSecond: 3 });
  const circumstances = { own, others: [], settings: { most: 4, queuedMs: 3000 } };

  it('is looked for while a ring of several nodes is in use, was measured, and no node has the model alone', () => {
    expect(mayBeOutrun(circumstances)).toBe(true);
    expect(mayBeOutrun({ ...circumstances, others: [cardOf('d', { stages })] })).toBe(true);
    expect(mayBeOutrun({ ...circumstances, others: [cardOf('d')] })).toBe(false);
    expect(mayBeOutrun({ ...circumstances, others: [cardOf('d', { stages, state: 'loading' })] })).toBe(false);
    for (const change of [{ running: 0 }, { measuredTokensPerSecond: 0 }, { isFixed: true }, { stages: cardOf('b').stages }])
      expect(mayBeOutrun({ ...circumstances, own: { ...own, ...change } })).toBe(false);
    expect(mayBeOutrun({ ...circumstances, settings: { most: 1, queuedMs: 3000 } })).toBe(false);
  });
});

let house = new House();
afterEach(() => house.stop());

it('three nodes share what one cannot do, without a token more or less, and two of them let go again', async () => {
  let nowMs = 0;
  house = new House({ nowMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => {} });
  const members: Member[] = [];
  for (const name of ['a', 'b', 'c']) members.push(await house.add(name, { perNode: 12 }));
  const [a] = members as [Member];
  await a.manager.bringUp({ ...wish, keep: true }, undefined, { signal });
  const prompts = Array.from({ length: 24 }, (_, index) => [index + 1, 2, 3]);
  let done = false;
  const answers = Promise.all(prompts.map((prompt) => collect(a.generator.generate(request(prompt, 600)))));
  void answers.finally(() => (done = true));
  while (!done) {
    nowMs += 1000;
    for (const member of members) member.copies.look();
    for (const member of members) member.mesh.updateCard({ rings: member.manager.rings.map((ring) => ring.card) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [index, { tokens }] of (await answers).entries()) expect(tokens).toEqual(expectedTokens(prompts[index] ?? [], 600));
  const generated = members.map(({ manager }) =>
    manager.rings.reduce((sum, ring) => sum + (ring.snapshot()?.generatedTokens ?? 0), 0),
  );
  expect(Math.min(...generated)).toBeGreaterThan(600);

  const idle = async (): Promise<readonly number[]> => {
    for (const ring of members.flatMap(({ manager }) => manager.rings)) ring.idleMs();
    nowMs += 60_000;
    for (const member of members) await member.router.retireDuplicates(signal);
    return members.map(({ manager }) => manager.rings.length);
  };
  expect(await idle()).toEqual([1, 1, 1]);
  await collect((members[1] as Member).manager.rings[0]?.conductor.generate(request([7], 5)) as AsyncIterable<GenerationEvent>);
  expect(await idle()).toEqual([1, 1, 0]);
  expect(await idle()).toEqual([1, 0, 0]);
});

it('a copy does not lean on the nodes of what it is a copy of when one of its own refuses', async () => {
  house = new House();
  const [a, , c, d] = [
    await house.add('a', { perNode: 6 }),
    await house.add('b', { perNode: 6 }),
    await house.add('c', { perNode: 6 }),
    await house.add('d', { perNode: 6, room: 0 }),
  ];
  const placed = (...names: readonly [string, string]): PlacedStage[] =>
    names.map((name, index) => ({ peer: peerId(name), from: 6 * index, to: 6 * index + 6 }));
  await a.manager.bringUp({ ...wish, keep: true }, placed('a', 'b'), { signal });
  const copy = { ...wish, contextTokens: 2048, isCopy: true };
  await expect(c.manager.bringUp(copy, placed('c', 'd'), { signal })).rejects.toThrow(PlacementRefusedError);
  expect([c, d].map(({ mesh }) => mesh.card.stages)).toEqual([[], []]);
});

it('copies that somebody asked for come up at once, on nodes of their own, and stay', async () => {
  let nowMs = 0;
  house = new House({ nowMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => {} });
  const [a, b, c] = [
    await house.add('a', { perNode: 12 }),
    await house.add('b', { perNode: 12 }),
    await house.add('c', { perNode: 12 }),
  ];
  const kept = { ...wish, keep: true };
  await expect(b.router.bringUpCopy(kept, { signal })).rejects.toThrow(PlacementRefusedError);
  await a.manager.bringUp(kept, undefined, { signal });
  expect(await b.router.keep(kept, { signal, count: 3 })).toBe(1);
  await b.router.bringUpCopy(kept, { signal });
  await b.router.bringUpCopy(kept, { signal });
  const stages = house.members.map(({ manager }) => manager.rings.flatMap((ring) => ring.stages.map(({ peer }) => peer)));
  expect(stages).toEqual([['a'], ['b'], ['c']]);
  await expect(b.router.bringUpCopy(kept, { signal })).rejects.toThrow(PlacementRefusedError);
  nowMs += 600_000;
  for (const member of [a, b, c]) await member.router.retireDuplicates(signal);
  expect(house.members.map(({ manager }) => manager.rings.length)).toEqual([1, 1, 1]);
  expect(await c.router.keep(kept, { signal, count: 3 })).toBe(3);
});

it('a ring that is much slower than one node alone would be has the model brought up there, and that node is asked', async () => {
  let nowMs = 0;
  house = new House({ nowMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => {} });
  const [a, b, c] = [
    await house.add('a', { perNode: 6 }),
    await house.add('b', { perNode: 6 }),
    await house.add('c', { perNode: 12 }),
  ];
  await a.manager.bringUp(wish, undefined, { signal });
  expect(a.manager.rings[0]?.stages.map(({ peer }) => peer)).toEqual(['a', 'b']);
  // The third machine has room for all of it.
  a.planner.perNode = 12;
  const tokensOf = ({ manager }: Member): number => manager.rings[0]?.snapshot()?.generatedTokens ?? 0;
  const whole = async (prompt: number[]): Promise<void> => {
    const { tokens } = await collect(b.generator.generate(request(prompt, 300)));
    expect(tokens).toEqual(expectedTokens(prompt, 300));
  };
  let done = false;
  const answered = whole([1, 2, 3]).finally(() => (done = true));
  while (!done) {
    nowMs += 1000;
    for (const { copies } of house.members) copies.look();
    for (const { mesh, manager } of house.members) mesh.updateCard({ rings: manager.rings.map((ring) => ring.card) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await answered;
  expect(c.manager.rings.map((ring) => ring.stages)).toMatchObject([[{ peer: 'c', from: 0, to: 12 }]]);
  const before = tokensOf(a);
  await whole([4, 5, 6]);
  expect(tokensOf(c)).toBe(300);
  expect(tokensOf(a)).toBe(before);
});
