import { expectedTokens, House, request, type Member, type MemberOptions } from './house.ts';
import { Faults } from './faults.ts';
import { Random } from './random.ts';
import { SimulatedTime } from './simulated-time.ts';

/** Layers that a node may hold: three of five nodes hold the model. */
const PER_NODE = 4;
const NODES = 5;
const CLIENTS = 4;
/** Simulated time that a round may take before something must be stuck. */
const LIMIT_MS = 60_000;
const MAX_FAULTS = 8;
/** Bytes of a row in the journal of a simulated stage. */
const ROW_BYTES = 16;

export interface RoundReport {
  readonly seed: number;
  /** What went wrong, in words; empty when nothing did. */
  readonly wrong: readonly string[];
  readonly faults: readonly string[];
  /** Times that a ring was mended, or that a client's answer was taken over by another ring. */
  readonly recoveries: number;
  readonly tokens: number;
  /** When its clients were done; the same in every run. */
  readonly simulatedMs: number;
}

/**
 * One round: clients at a node that is never lost ask a ring over three of five nodes, while nodes are killed, frozen, cut off, leave, are
 * made to fail or refuse, and are joined by new ones. Every client must get the undisturbed model's tokens, and nothing may be left
 * afterwards. In half of the rounds steps and frames take their time, unless `hasLatency` is false; such rounds take ten times as long.
 */
export async function simulateRound(seed: number, hasLatency = true): Promise<RoundReport> {
  const random = new Random(seed);
  const time = new SimulatedTime();
  const house = new House(time);
  const isSlow = random.oneIn(2) && hasLatency;
  if (isSlow) house.network.turns = latencyOf(random);
  const everybody: Member[] = [];
  const options = optionsOf(random);
  const add = async (name: string): Promise<Member> => {
    const member = await house.add(name, options);
    everybody.push(member);
    if (isSlow) member.loader.turns = latencyOf(random);
    return member;
  };
  const front = await add('front');
  for (let index = 1; index < NODES; index += 1) await add(`n${index}`);
  let joined = NODES;
  const faults = new Faults({ house, time, random, front, nodes: NODES, join: () => void add(`n${(joined += 1)}`) });

  const wrong: string[] = [];
  let ended = 0;
  let tokens = 0;
  // Otherwise the clients' own node conducts, which is never lost.
  if (random.oneIn(3)) await bringUpAt(house.members[1], time);
  // What comes up slowly may meet faults that leave no room for it, and a client that never had a token is told so.
  else if (isSlow) await bringUpAt(front, time);
  const clients = Array.from({ length: CLIENTS }, async (_, index) => {
    const prompt = Array.from({ length: 10 + random.below(40) }, () => random.below(900));
    const count = 12 + random.below(30);
    const leavesAfter = index === CLIENTS - 1 && random.oneIn(2) ? random.below(count) : count;
    try {
      const sampler = { ...request([], 0).sampler, seed: index };
      const lane = random.oneIn(4) ? 'batch' : 'interactive';
      const got: number[] = [];
      for await (const event of front.generator.generate(request(prompt, count, { sampler, lane }))) {
        if (event.kind === 'token') got.push(event.token);
        if (got.length > leavesAfter) break;
      }
      tokens += got.length;
      const expected = expectedTokens(prompt, count, index).slice(0, leavesAfter + 1);
      if (got.join() !== expected.join()) wrong.push(`client ${index}: ${firstDifference(got, expected)}`);
    } catch (error) {
      wrong.push(`client ${index}: ${String(error)}`);
    } finally {
      ended += 1;
    }
  });
  let nextFaultMs = 4 + random.below(25);
  const done = await time.run(
    () => ended === CLIENTS,
    LIMIT_MS,
    (nowMs) => {
      if (nowMs < nextFaultMs || faults.told.length >= MAX_FAULTS) return;
      nextFaultMs = nowMs + 5 + random.below(80);
      if (faults.told.length === 0) faults.first();
      else faults.next();
    },
  );
  const simulatedMs = time.nowMs();
  if (!done) wrong.push(`only ${ended} of ${CLIENTS} clients were done after ${LIMIT_MS} ms`);
  wrong.push(...unexplainedFailures(everybody));
  if (done) wrong.push(...(await heldSequences(house, time)));
  wrong.push(...(await leftovers(house, everybody, time)));
  if (done) await Promise.all(clients);
  const rings = everybody.flatMap((member) => [...member.everyRing]);
  const recoveries = rings.reduce((sum, ring) => sum + ring.timesMended, rings.length - 1);
  return { seed, wrong, faults: faults.told, recoveries, tokens, simulatedMs };
}

/** Steps and frames that take their time, and on two streams different ones: what was sent first may come last. */
function latencyOf(random: Random): () => number {
  const most = 2 + random.below(15);
  return () => random.below(most);
}

async function bringUpAt(member: Member | undefined, time: SimulatedTime): Promise<void> {
  let isUp = false;
  void member?.router.bringUp(member.wish, { signal: new AbortController().signal }).then(() => (isUp = true));
  await time.run(() => isUp, 1000);
}

/** How the nodes of a round are set up: with spares or none, little room for contexts or in the journals, exact replay. */
function optionsOf(random: Random): MemberOptions {
  const isTight = random.oneIn(4);
  return {
    perNode: PER_NODE,
    room: PER_NODE,
    settings: {
      overdueMs: 50,
      retryMs: 20,
      recoverMs: 20_000,
      keepsSpares: random.oneIn(2),
      lookMs: 20,
      checkpointMs: 5,
      checkpointTokens: 8,
    },
    ...(random.oneIn(4) ? { journal: { memoryBytes: ROW_BYTES * random.below(120), fileBytes: 0 } } : {}),
    wish: {
      // Enough for any one client, not for all of them at once.
      ...(isTight ? { contextTokens: 100, parallelSequences: 2 } : {}),
      ...(random.oneIn(8) ? { exactReplay: true } : {}),
    },
  };
}

/** Steps that a stage could not compute although nobody had made one fail in their epoch: the ring gave it something wrong. */
export function unexplainedFailures(members: readonly Member[]): string[] {
  const failures = members.flatMap((member) => member.loader.failures);
  const asked = new Set(failures.flatMap(({ wasAskedFor, inEpoch }) => (wasAskedFor ? [inEpoch] : [])));
  return failures.flatMap(({ inEpoch, message }) => (asked.has(inEpoch) ? [] : [`${inEpoch}: ${message}`]));
}

/** Whoever got its answer, or left, holds no place in any ring. */
async function heldSequences(house: House, time: SimulatedTime): Promise<string[]> {
  const held = (): string[] =>
    house.members.flatMap(({ mesh, manager }) =>
      manager.rings.flatMap((ring) => {
        const { running = 0, waiting = 0 } = ring.snapshot() ?? {};
        return running + waiting === 0 ? [] : [`${mesh.self} holds ${running} running and ${waiting} waiting sequences`];
      }),
    );
  await time.run(() => held().length === 0, 10_000);
  return held();
}

/** Nothing may be held once everybody has stopped. */
async function leftovers(house: House, everybody: readonly Member[], time: SimulatedTime): Promise<string[]> {
  let stopped = false;
  const stopping = Promise.all(everybody.map((member) => member.stop())).then(() => (stopped = true));
  if (!(await time.run(() => stopped, 60_000))) return ['the nodes did not stop'];
  await stopping;
  // Stages of lost conductors are kept for a while, and whoever asked a frozen node waits until that is known to be dead.
  await time.run(() => everybody.every((member) => member.host.count === 0 && member.mesh.openStreams === 0), 30_000);
  await time.run(() => false, 10);
  return everybody.flatMap((member) => [
    ...(member.loader.loaded === 0 ? [] : [`${member.mesh.self} holds ${member.loader.loaded} stages`]),
    ...(member.mesh.openStreams === 0 ? [] : [`${member.mesh.self} has ${member.mesh.openStreams} streams open`]),
  ]);
}

function firstDifference(actual: readonly number[], expected: readonly number[]): string {
  const at = expected.findIndex((token, index) => actual[index] !== token);
  return `token ${at} of ${expected.length} is ${String(actual[at])} instead of ${String(expected[at])}, ${actual.length} came`;
}
