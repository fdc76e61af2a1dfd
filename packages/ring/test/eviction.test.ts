import { modelId, ringId, silentLogger, systemClock, type RingId } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { MakeRoom, type MakeRoomParts } from '../src/front/make-room.ts';
import { planEviction } from '../src/front/plan-eviction.ts';
import type { KnownRing } from '../src/front/mesh-rings.ts';
import { PlacementRefusedError, type PlanRequest, type RingPlanner } from '../src/index.ts';
import { IdleTime } from '../src/ring/idle-time.ts';
import { cardOf } from './support/card-of.ts';
import { House, manifest, MODEL, wish } from './support/house.ts';

const other = (name: string, change: Parameters<typeof cardOf>[1] = {}) =>
  cardOf(name, { model: modelId(name.repeat(64).slice(0, 64)), lastUsedMs: 0, ...change });
const wanted = modelId('f'.repeat(64));
const needs =
  (...names: readonly string[]) =>
  (gone: ReadonlySet<RingId>): boolean =>
    names.every((name) => gone.has(ringId(name)));

describe('room for a model', () => {
  const plan = (rings: readonly ReturnType<typeof cardOf>[], fits: (gone: ReadonlySet<RingId>) => boolean) =>
    planEviction({ model: wanted, rings, lastUsedMs: (ring) => ring.lastUsedMs, fits });
  const any = (gone: ReadonlySet<RingId>): boolean => gone.size > 0;

  it('is made by the idle ring that was used least lately, whoever conducts it; by one that does not tell last', () => {
    const rings = [other('a', { lastUsedMs: 180_000 }), other('b', { lastUsedMs: 60_000 }), other('c', { lastUsedMs: 120_000 })];
    expect(plan(rings, any)).toEqual(['b']);
    const { lastUsedMs: _, ...silent } = other('d');
    expect(plan([silent, ...rings], any)).toEqual(['b']);
    expect(plan([silent], any)).toEqual(['d']);
  });

  it('is made by copies first, and by what somebody wants to stay last', () => {
    const original = other('a', { lastUsedMs: 0 });
    const copy = { ...original, ring: ringId('b'), isCopy: true, lastUsedMs: 900_000 };
    expect(plan([original, copy], any)).toEqual(['b']);
    expect(plan([copy, other('c', { lastUsedMs: 60_000 })], any)).toEqual(['c']);
    expect(plan([other('a', { isKept: true }), other('b', { lastUsedMs: 900_000 })], any)).toEqual(['b']);
  });

  it('is made by no more than it takes', () => {
    const rings = ['a', 'b', 'c', 'd'].map((name, index) => other(name, { lastUsedMs: index * 60_000 }));
    expect(plan(rings, needs('c'))).toEqual(['c']);
    expect(plan(rings, needs('b', 'd'))).toEqual(['b', 'd']);
  });

  it('is not made where all of it would not do, nor by what is used, loads, or is the model itself', () => {
    expect(plan([other('a'), other('b')], () => false)).toEqual([]);
    const rings = [other('a', { running: 1 }), other('b', { waiting: 1 }), other('c', { state: 'loading' })];
    expect(plan([...rings, other('d', { model: wanted })], any)).toEqual([]);
  });
});

it('a model that fits nowhere is refused before anything goes for it; one that fits in the room of another is placed there', async () => {
  const taken: string[] = [];
  let rings: KnownRing[] = ['a', 'b'].map((name) => ({
    conductor: other(name).stages[0]?.peer ?? MODEL.id,
    card: other(name),
  })) as KnownRing[];
  const roomFor = (fits: (gone: ReadonlySet<string>) => boolean): MakeRoom => {
    const isGone = (gone: ReadonlySet<RingId> = new Set()): Set<string> =>
      new Set([...gone, ...['a', 'b'].filter((name) => !rings.some(({ card }) => card.ring === name))]);
    const planner: Pick<RingPlanner, 'place'> = {
      place({ gone }: PlanRequest) {
        if (!fits(isGone(gone))) throw new PlacementRefusedError('No room.');
        return { stages: [], stageBytes: [], predictedTokensPerSecond: 1, reasons: [] };
      },
    };
    return new MakeRoom({
      planner: planner as RingPlanner,
      manager: { rings: [] } as unknown as MakeRoomParts['manager'],
      clock: systemClock,
      logger: silentLogger,
      rings: () => rings,
      unconducted: () => new Set(),
      untilChanged: async () => {},
      takeDown: async ({ card }) => {
        taken.push(card.ring);
        rings = rings.filter((ring) => ring.card !== card);
      },
    });
  };
  const options = { onProgress: () => {}, signal: new AbortController().signal };
  const asked = { manifest, wish, excluded: new Set<never>(), lost: new Set<never>() };
  await expect(roomFor(() => false).place(asked, options)).rejects.toThrow(PlacementRefusedError);
  expect(taken).toEqual([]);
  await roomFor((gone) => gone.has('b')).place(asked, options);
  expect(taken).toEqual(['b']);
});

it('memory of a lost conductor is waited for, but not for ever, and nothing idle goes for it', async () => {
  let nowMs = 0;
  const taken: string[] = [];
  const room = (freedMs: number): MakeRoom =>
    new MakeRoom({
      planner: {
        place({ gone }: PlanRequest) {
          if (nowMs < freedMs && gone?.has(ringId('lost')) !== true) throw new PlacementRefusedError('No room.');
          return { stages: [], stageBytes: [], predictedTokensPerSecond: 1, reasons: [] };
        },
      } as unknown as RingPlanner,
      manager: { rings: [] } as unknown as MakeRoomParts['manager'],
      clock: { nowMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => {} },
      logger: silentLogger,
      rings: () => [{ conductor: 'a', card: other('a') }] as unknown as KnownRing[],
      unconducted: () => new Set(nowMs < freedMs ? [ringId('lost')] : []),
      untilChanged: async () => void (nowMs += 250),
      takeDown: async ({ card }) => void taken.push(card.ring),
    });
  const options = { onProgress: () => {}, signal: new AbortController().signal };
  const asked = { manifest, wish, excluded: new Set<never>(), lost: new Set<never>() };
  await room(2000).place(asked, options);
  expect(nowMs).toBe(2000);
  await expect(room(60_000).place(asked, options)).rejects.toThrow(PlacementRefusedError);
  expect(nowMs).toBeLessThan(10_000);
  expect(taken).toEqual([]);
});

it('when a ring was used last is told in whole minutes, and stays the same while nobody uses it', () => {
  let nowMs = 1000;
  let wallMs = 1_700_000_003_000;
  const idle = new IdleTime({ nowMs: () => nowMs, wallMs: () => wallMs });
  const pass = (ms: number): void => {
    nowMs += ms;
    // A clock that is put right now and then.
    wallMs += ms + 7;
  };
  const told = new Set<number>();
  for (let second = 0; second < 180; second += 1) {
    pass(1000);
    idle.look({ isBusy: false, lastTokenMs: undefined });
    told.add(idle.lastUsedMinute);
  }
  expect([...told]).toEqual([Math.ceil(1_700_000_003_000 / 60_000) * 60_000]);
  idle.look({ isBusy: false, lastTokenMs: nowMs - 90_000 });
  expect(idle.lastUsedMinute).toBe(Math.ceil((wallMs - 90_000) / 60_000) * 60_000);
  for (let second = 0; second < 180; second += 1) {
    pass(1000);
    idle.look({ isBusy: true, lastTokenMs: undefined });
    told.add(idle.lastUsedMinute);
  }
  expect(told.size).toBeLessThanOrEqual(5);
});

it('a ring that a request brought up stays once somebody wants it to, on whichever node', async () => {
  const house = new House();
  const [a, b] = [await house.add('a', { perNode: 12 }), await house.add('b', { perNode: 12 })];
  const { signal } = new AbortController();
  await a.manager.bringUp(wish, undefined, { signal });
  const isKept = (): unknown => b.router.rings()[0]?.card.isKept;
  expect(isKept()).toBeUndefined();
  await b.router.keep({ ...wish, keep: true }, { signal });
  expect(a.manager.rings.map((ring) => ring.card.isKept)).toEqual([true]);
  expect(b.manager.rings).toEqual([]);
  await house.stop();
});
