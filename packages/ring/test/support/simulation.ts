import { StageError } from '@pippa/core';
import { collect, expectedTokens, House, request, type Member } from './house.ts';
import { SimulatedTime } from './simulated-time.ts';

/** Layers that a node may hold: three of five nodes hold the model. */
const PER_NODE = 4;
const NODES = 5;
const CLIENTS = 4;
/** Simulated time that a round may take before something must be stuck. */
const LIMIT_MS = 60_000;
/** What the mesh takes to give up a frozen node. */
const DEAD_MS = 3000;

/** Numbers in `[0, 1)` that depend on the seed alone (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What went wrong in a round, in words; empty when nothing did. */
export interface RoundReport {
  readonly wrong: readonly string[];
  readonly faults: readonly string[];
  readonly recoveries: number;
}

/**
 * One round: clients at a node that is never lost ask a ring over three of five nodes, while nodes are killed, frozen, cut off, made to
 * fail or refuse, and joined by new ones. Every client must get the undisturbed model's tokens, and nothing may be left afterwards.
 */
export async function simulateRound(seed: number): Promise<RoundReport> {
  const random = randomOf(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const time = new SimulatedTime();
  const house = new House(time);
  const everybody: Member[] = [];
  const add = async (name: string): Promise<Member> => {
    const member = await house.add(name, {
      perNode: PER_NODE,
      room: PER_NODE,
      settings: { overdueMs: 50, retryMs: 20, recoverMs: 20_000, keepsSpares: seed % 2 === 0, lookMs: 20, checkpointMs: 5 },
    });
    everybody.push(member);
    return member;
  };
  const front = await add('front');
  for (let index = 1; index < NODES; index += 1) await add(`n${index}`);
  const faults: string[] = [];
  let joined = NODES;

  const others = (): Member[] => house.members.filter((member) => member !== front && member.mesh.state === 'alive');
  const refill = (): void => {
    if (house.members.length < NODES) void add(`n${(joined += 1)}`);
  };
  const kill = (): void => {
    const victims = others();
    const victim = victims[below(victims.length)];
    // Three must be left to hold the model.
    if (victim === undefined || victims.length < 3) return;
    faults.push(`kill ${victim.mesh.self}`);
    house.kill(victim);
    time.schedule(below(200), refill);
  };
  const freeze = (): void => {
    const victims = others();
    const victim = victims[below(victims.length)];
    if (victim === undefined || victims.length < 4) return;
    const forMs = below(2) === 0 ? below(400) : 2 * DEAD_MS;
    faults.push(`freeze ${victim.mesh.self} for ${forMs}`);
    house.network.freeze(victim.mesh.self);
    if (forMs < DEAD_MS) time.schedule(forMs, () => house.network.thaw(victim.mesh.self));
    else {
      time.schedule(DEAD_MS, () => {
        house.kill(victim);
        refill();
      });
    }
  };
  const cut = (): void => {
    const [a, b] = [house.members[below(house.members.length)], house.members[below(house.members.length)]];
    if (a === undefined || b === undefined || a === b) return;
    faults.push(`cut ${a.mesh.self} ${b.mesh.self}`);
    house.network.cut(a.mesh.self, b.mesh.self);
    time.schedule(1 + below(100), () => house.network.heal(a.mesh.self, b.mesh.self));
  };
  const spoil = (): void => {
    const victim = house.members[below(house.members.length)];
    if (victim === undefined) return;
    const kind = below(3);
    faults.push(`spoil ${victim.mesh.self} ${kind}`);
    const { faults: spoiled } = victim.loader;
    if (kind === 0) spoiled.failNextStep = true;
    if (kind === 1) spoiled.refuseWith = new StageError('no memory now');
    if (kind === 2) spoiled.poison = victim !== front;
    time.schedule(1 + below(100), () => {
      spoiled.refuseWith = undefined;
      spoiled.poison = false;
    });
  };
  const fault = [kill, kill, freeze, cut, spoil];

  const wrong: string[] = [];
  let ended = 0;
  const clients = Array.from({ length: CLIENTS }, async (_, index) => {
    const prompt = Array.from({ length: 20 + below(80) }, () => below(900));
    const count = 20 + below(80);
    try {
      const { tokens } = await collect(front.generator.generate(request(prompt, count, { sampler: samplerOf(index) })));
      const expected = expectedTokens(prompt, count, index);
      if (tokens.join() !== expected.join()) wrong.push(`client ${index}: ${firstDifference(tokens, expected)}`);
    } catch (error) {
      wrong.push(`client ${index}: ${String(error)}`);
    } finally {
      ended += 1;
    }
  });
  let nextFaultMs = 5 + below(50);
  const done = await time.run(
    () => ended === CLIENTS,
    LIMIT_MS,
    (nowMs) => {
      if (nowMs < nextFaultMs || faults.length >= 12) return;
      nextFaultMs = nowMs + 10 + below(150);
      fault[below(fault.length)]?.();
    },
  );
  if (!done) wrong.push(`only ${ended} of ${CLIENTS} clients were done after ${LIMIT_MS} ms`);
  const recoveries = everybody.flatMap((member) => member.manager.rings).reduce((sum, ring) => sum + ring.recoveries.length, 0);
  wrong.push(...unexplainedFailures(everybody));
  wrong.push(...(await leftovers(house, everybody, time)));
  if (done) await Promise.all(clients);
  return { wrong, faults, recoveries };
}

/** Steps that a stage could not compute although nobody had made one fail in their epoch: the ring gave it something wrong. */
export function unexplainedFailures(members: readonly Member[]): string[] {
  const failures = members.flatMap((member) => member.loader.failures);
  const asked = new Set(failures.flatMap(({ wasAskedFor, inEpoch }) => (wasAskedFor ? [inEpoch] : [])));
  return failures.flatMap(({ inEpoch, message }) => (asked.has(inEpoch) ? [] : [`${inEpoch}: ${message}`]));
}

/** Nothing may be held once everybody has stopped. */
async function leftovers(house: House, everybody: readonly Member[], time: SimulatedTime): Promise<string[]> {
  let stopped = false;
  const stopping = Promise.all(everybody.map((member) => member.stop())).then(() => (stopped = true));
  if (!(await time.run(() => stopped, 60_000))) return ['the nodes did not stop'];
  await stopping;
  // Stages of lost conductors are kept for a while.
  await time.run(() => everybody.every((member) => member.host.count === 0), 30_000);
  await time.run(() => false, 10);
  return everybody.flatMap((member) => [
    ...(member.loader.loaded === 0 ? [] : [`${member.mesh.self} holds ${member.loader.loaded} stages`]),
    ...(member.mesh.openStreams === 0 ? [] : [`${member.mesh.self} has ${member.mesh.openStreams} streams open`]),
  ]);
}

function samplerOf(seed: number): ReturnType<typeof request>['sampler'] {
  return { ...request([], 0).sampler, seed };
}

function firstDifference(actual: readonly number[], expected: readonly number[]): string {
  const at = expected.findIndex((token, index) => actual[index] !== token);
  return `token ${at} of ${expected.length} is ${String(actual[at])} instead of ${String(expected[at])}, ${actual.length} came`;
}
