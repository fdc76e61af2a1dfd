import { modelId } from '@pippa/core';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { planRetirement } from '../src/front/plan-retirement.ts';
import { givesWay } from '../src/ring/rival-rings.ts';
import { cardOf } from './support/card-of.ts';
import { collect, expectedTokens, House, request, wish, type Member } from './support/house.ts';

const PROMPT = Array.from({ length: 50 }, (_, index) => (index * 7) % 900);
const signal = new AbortController().signal;
const LONG_MS = 60_000;
const copyIdleMs = 120_000;

describe('of two rings of one model', () => {
  it('the one that answers somebody stays, and the other one goes once it was idle for a while', () => {
    const busy = cardOf('z', { running: 1 });
    expect(planRetirement({ own: cardOf('a'), copyIdleMs, idleMs: LONG_MS, others: [busy] })).toBe(busy);
    expect(planRetirement({ own: cardOf('a'), copyIdleMs, idleMs: 100, others: [busy] })).toBeUndefined();
    expect(planRetirement({ own: busy, copyIdleMs, idleMs: 0, others: [cardOf('a')] })).toBeUndefined();
  });

  it('goes for none that is not up, is another model, or has less context', () => {
    const others = [
      cardOf('0', { state: 'recovering' }),
      cardOf('1', { model: modelId('b'.repeat(64)) }),
      cardOf('2', { contextTokens: 1024 }),
    ];
    expect(planRetirement({ own: cardOf('a'), copyIdleMs, idleMs: LONG_MS, others })).toBeUndefined();
  });

  it('those of nodes that somebody named stay, and others go for them', () => {
    const fixed = cardOf('z', { isFixed: true, predictedTokensPerSecond: 1 });
    expect(planRetirement({ own: fixed, copyIdleMs, idleMs: LONG_MS, others: [cardOf('a')] })).toBeUndefined();
    expect(planRetirement({ own: cardOf('a'), copyIdleMs, idleMs: LONG_MS, others: [fixed] })).toBe(fixed);
    expect(planRetirement({ own: fixed, copyIdleMs, idleMs: LONG_MS, others: [cardOf('a', { isFixed: true })] })).toBeUndefined();
  });

  it('exactly one stays of any that nobody uses', () => {
    const speeds = fc.double({ min: 0.1, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(speeds, { minLength: 2, maxLength: 5 }), (rates) => {
        const cards = rates.map((rate, index) => cardOf(`ring-${index}`, { predictedTokensPerSecond: rate }));
        const stays = cards.filter(
          (own) =>
            planRetirement({ own, copyIdleMs, idleMs: LONG_MS, others: cards.filter((other) => other !== own) }) === undefined,
        );
        expect(stays).toHaveLength(1);
      }),
    );
  });
});

describe('a ring that finds no room for what it lost', () => {
  const broken = cardOf('m', { state: 'recovering', running: 2 });

  it('gives way to one of the same model that answers', () => {
    expect(givesWay(broken, [cardOf('z')])).toBe(true);
    expect(givesWay(broken, [])).toBe(false);
    expect(givesWay(broken, [cardOf('z', { model: modelId('b'.repeat(64)) })])).toBe(false);
    expect(givesWay(broken, [cardOf('z', { contextTokens: 1024 })])).toBe(false);
    expect(givesWay(broken, [cardOf('z', { state: 'loading' })])).toBe(false);
  });

  it('stays, alone of several that are broken, each with layers that the others lack', () => {
    const cards = ['a', 'b', 'c'].map((name) => cardOf(name, { state: 'recovering', running: 1 }));
    const staying = cards.filter(
      (own) =>
        !givesWay(
          own,
          cards.filter((other) => other !== own),
        ),
    );
    expect(staying.map(({ ring }) => ring)).toEqual(['a']);
  });

  it('stays where somebody named its nodes', () => {
    expect(givesWay({ ...broken, isFixed: true }, [cardOf('z')])).toBe(false);
  });
});

let house = new House();
afterEach(() => house.stop());

it('two halves that both have the model up become one ring when they see each other again', async () => {
  let nowMs = 0;
  house = new House({ nowMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => {} });
  const members: Member[] = [];
  for (const name of ['a', 'b']) members.push(await house.add(name, { perNode: 12 }));
  const [a, b] = members as [Member, Member];
  house.network.cut(a.mesh.self, b.mesh.self);
  const ringOfA = await a.manager.bringUp({ ...wish, keep: true }, undefined, { signal });
  const ringOfB = await b.manager.bringUp({ ...wish, keep: true }, undefined, { signal });
  house.network.heal(a.mesh.self, b.mesh.self);
  await collect(b.generator.generate(request(PROMPT, 5)));
  const { tokens } = await collect(a.generator.generate(request(PROMPT, 40)), async (count) => {
    if (count !== 20) return;
    for (const ring of [ringOfA, ringOfB]) ring.idleMs();
    nowMs += LONG_MS;
    for (const member of [a, b]) await member.router.retireDuplicates(signal);
  });
  expect(tokens).toEqual(expectedTokens(PROMPT, 40));
  expect([...a.manager.rings, ...b.manager.rings]).toHaveLength(1);
  expect([...a.manager.rings, ...b.manager.rings][0]?.isKept).toBe(true);
});
