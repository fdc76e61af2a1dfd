import { MIB } from '@pippa/core';
import type { NodeFacts } from '../../support/mesh-node-messages.ts';
import type { House, HouseNode } from './house.ts';

/** Stages of lost conductors are kept for 20 seconds, and rings that nobody needs twice for 10 or more. */
const WITHIN_MS = 60_000;
const LOOK_MS = 250;
/** What JavaScript may hold beyond the beginning: compiled code, buffers of streams, and pools that stay. */
const HEAP_MARGIN = 32 * MIB;
/** The engine's library is loaded with the first stage, and allocators give back in large parts only. */
const MEMORY_MARGIN = 192 * MIB;
/** Connections to a peer: two that dialled each other at once may stay for a while. */
const SOCKETS_A_PEER = 2;
/** Threads that the engine, or the runtime, starts once and keeps. */
const LASTING_THREADS = 8;

type Known = ReadonlyMap<HouseNode, NodeFacts>;

/** What is there at the nodes that nobody uses; empty: nothing is. Waits for what goes by itself. */
export async function findLeaks(house: House): Promise<readonly string[]> {
  const idle = await settled(house, whileRingsAreUp);
  for (const { remote } of house.nodes) await remote.ask({ kind: 'down' });
  const down = await settled(house, withoutRings);
  const stray = await house.strayFiles();
  return [...idle, ...down, ...stray.map((name) => `the file ${name} was left behind`)];
}

async function settled(house: House, look: (known: Known) => readonly string[]): Promise<readonly string[]> {
  const sinceMs = performance.now();
  for (;;) {
    const known = new Map<HouseNode, NodeFacts>();
    for (const node of house.nodes) known.set(node, await node.remote.facts({ collect: true }));
    const leaks = look(known);
    if (leaks.length === 0 || performance.now() - sinceMs > WITHIN_MS) return leaks;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Nobody asks for anything: rings are there with their stages and spares, and nothing else is. */
function whileRingsAreUp(known: Known): readonly string[] {
  const leaks: string[] = [];
  const rings = [...known.values()].flatMap((facts) => facts.rings);
  for (const [{ remote }, facts] of known) {
    const { running, stageCount, stages, self, open } = facts;
    const wanted = rings.flatMap((ring) => [...ring.stages, ...(ring.spares ?? [])]).filter((stage) => stage.peer === self).length;
    if (running > 0) leaks.push(`${remote.name} runs ${running} sequences`);
    if (stageCount !== wanted || stages.length !== wanted)
      leaks.push(`${remote.name} has ${stageCount} stages, tells of ${stages.length}, and rings have ${wanted} there`);
    if (open !== undefined && open.nameless > wanted) leaks.push(`${remote.name} has ${open.nameless} files of journals`);
  }
  return leaks;
}

function withoutRings(known: Known): readonly string[] {
  return [...known].flatMap(([node, facts]) => whatIsLeft(node, facts, known.size - 1));
}

function whatIsLeft({ remote, budgetBytes, baseline }: HouseNode, facts: NodeFacts, peers: number): readonly string[] {
  const { open, rings, running, stageCount, stages, freeBytes, heapBytes, rssBytes } = facts;
  const before = baseline.open;
  const leaks = [
    [rings.length, 0, 'rings'],
    [running, 0, 'running sequences'],
    [stageCount, 0, 'stages'],
    [stages.length, 0, 'stages on its card'],
    [budgetBytes - freeBytes, 0, 'bytes of its budget'],
    [facts.peers - peers, Infinity, 'peers too many'],
    [heapBytes, baseline.heapBytes + HEAP_MARGIN, 'bytes of JavaScript'],
    [rssBytes, baseline.rssBytes + MEMORY_MARGIN, 'bytes of memory'],
    [open?.nameless ?? 0, 0, 'files of journals'],
    // One listens and one leads to the parent; what was there at the beginning may have been links already.
    [open?.sockets ?? 0, Math.max(before?.sockets ?? 0, 2 + peers * SOCKETS_A_PEER), 'sockets'],
    [open?.threads ?? 0, (before?.threads ?? 0) + LASTING_THREADS, 'threads'],
  ] as const;
  return leaks.flatMap(([there, most, what]) =>
    there > most ? [`${remote.name} has ${there} ${what}, and at most ${most} are due`] : [],
  );
}
