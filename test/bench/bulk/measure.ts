/** Each way measured once: a sender in a process of its own, the receiver in this one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Mesh } from '@pippa/core';
import { createMesh, memoryMeshState, membershipOf } from '@pippa/mesh';
import { blankCard } from '@pippa/testing';
import { BENCH_MODEL, benchDirectory } from '../harness/bench-model.ts';
import { openStore } from './open-store.ts';
import { receiveDirect, receiveFile, receiveSocket, receiveStreams, type Meeting } from './ways.ts';

const SENDER = fileURLToPath(new URL('sender.ts', import.meta.url));
const TOTAL_BYTES = 2 ** 29;
const ALL_LAYERS = BENCH_MODEL.layers;
const WARM_UP_LAYERS = 4;
const FEW_LAYERS = 8;
const KEY = new Uint8Array(16).fill(7);
/** In memory where there is such a folder: what a disk takes is its own matter. */
export const FOLDER = existsSync('/dev/shm') ? '/dev/shm/pippa-bench-bulk' : join(benchDirectory, 'bulk');

interface Sender<Met> {
  readonly met: Met;
  readonly child: ChildProcess;
}

const senders = new Set<ChildProcess>();
/** Of those that have ended. */
let endedMs = 0;

async function startSender<Met>(order: object): Promise<Sender<Met>> {
  const full = {
    way: 'mesh',
    totalBytes: TOTAL_BYTES,
    connections: 1,
    threads: 1,
    folder: '',
    direct: false,
    bytesPerSecond: 0,
    ...order,
  };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SENDER, JSON.stringify(full)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  senders.add(child);
  const [line]: unknown[] = await once(child.stdout ?? child, 'data');
  return { met: JSON.parse(String(line)) as Met, child };
}

function stopSender({ child }: Sender<unknown>): void {
  endedMs += processorMs(child);
  senders.delete(child);
  child.kill('SIGKILL');
}

function processorMs({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

/** Processor milliseconds of all senders so far, so that they don't count as disturbance. */
export function sendersMs(): number {
  return [...senders].reduce((sum, child) => sum + processorMs(child), endedMs);
}

/** Megabytes (10^6) a second. */
async function rateOf(bytes: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  const [own, theirs] = [process.cpuUsage(), sendersMs()];
  await work();
  const rate = bytes / 1e3 / (performance.now() - startedMs);
  const { user, system } = process.cpuUsage(own);
  lastCost = { receiver: (user + system) / 1e6 / (bytes / 1e9), sender: (sendersMs() - theirs) / 1e3 / (bytes / 1e9) };
  return rate;
}

/** Processor seconds a gigabyte (10^9) of the last measurement: what stays true on a busy machine. */
export let lastCost = { receiver: 0, sender: 0 };

export async function overSockets(kind: 'tcp' | 'tls', readBytes: number): Promise<number> {
  const sender = await startSender<Meeting & { kind: 'port' }>({ way: kind });
  try {
    return await rateOf(TOTAL_BYTES, () => receiveSocket(kind, sender.met.port, TOTAL_BYTES, readBytes));
  } finally {
    stopSender(sender);
  }
}

/** From a file into a file, nothing else. */
export async function overFiles(): Promise<number> {
  const sender = await startSender<Meeting & { kind: 'port' }>({ way: 'file', folder: FOLDER });
  const path = join(FOLDER, 'copy');
  try {
    const { size } = await stat(join(FOLDER, 'models/bench.gguf'));
    return await rateOf(size, async () => void (await receiveFile(sender.met.port, path)));
  } finally {
    stopSender(sender);
    await rm(path, { force: true });
  }
}

export async function overDirect(connections: number, threads: number): Promise<number> {
  const sender = await startSender<Meeting & { kind: 'direct' }>({ way: 'direct', connections, threads });
  try {
    if (threads === 1) return await rateOf(TOTAL_BYTES, () => receiveDirect(sender.met, TOTAL_BYTES));
    const workers = await Promise.all(
      sender.met.ports.map(async (port) => {
        const meeting = { kind: 'direct', ports: [port] };
        const worker = new Worker(new URL('receiving-worker.ts', import.meta.url), {
          workerData: { meeting, totalBytes: TOTAL_BYTES / threads },
        });
        await once(worker, 'message');
        return worker;
      }),
    );
    const rate = await rateOf(TOTAL_BYTES, async () => {
      await Promise.all(
        workers.map((worker) => {
          worker.postMessage('go');
          return once(worker, 'message');
        }),
      );
    });
    await Promise.all(workers.map((worker) => worker.terminate()));
    return rate;
  } finally {
    stopSender(sender);
  }
}

async function withMesh<Result>(
  orders: readonly object[],
  work: (mesh: Mesh & { readonly stop: () => Promise<void> }) => Promise<Result>,
): Promise<Result> {
  const senders = await Promise.all(orders.map((order) => startSender<{ readonly addresses: readonly string[] }>(order)));
  const { peer: _peer, version: _version, protocolVersion: _protocol, ...card } = blankCard('receiver');
  const mesh = createMesh({
    state: await memoryMeshState({ membership: membershipOf(KEY, 0) }),
    card,
    listen: { hosts: ['127.0.0.1'] },
    discovery: false,
    peers: senders.flatMap((sender) => sender.met.addresses),
  });
  await mesh.start();
  try {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const there = mesh.peers().filter((peer) => peer.state === 'alive' && peer.card !== undefined);
        if (there.length === orders.length) resolve();
      };
      mesh.onPeersChanged(look);
      look();
    });
    return await work(mesh);
  } finally {
    await mesh.stop();
    for (const sender of senders) stopSender(sender);
  }
}

/** The product from end to end: asked for, got, checked, written, journalled, synced. */
export function overStore(direct: boolean): Promise<number> {
  return withMesh([{ folder: FOLDER, direct }], (mesh) => obtain(mesh, direct, ALL_LAYERS));
}

/** The same of a few layers from nodes that each send so many bytes a second at most. */
export async function overCapped(nodes: number, bytesPerSecond: number): Promise<number> {
  const folders = Array.from({ length: nodes }, (_, index) => join(FOLDER, `node-${index}`));
  for (const folder of folders) {
    await mkdir(folder, { recursive: true });
    await symlink(join(FOLDER, 'models'), join(folder, 'models')).catch(() => {});
  }
  const orders = folders.map((folder) => ({ folder, direct: true, bytesPerSecond }));
  return withMesh(orders, (mesh) => obtain(mesh, true, FEW_LAYERS));
}

/** Megabytes a second in which the layers after the first ones come. */
async function obtain(mesh: Mesh, direct: boolean, to: number): Promise<number> {
  const folder = join(FOLDER, 'receiver');
  await rm(folder, { recursive: true, force: true });
  const store = openStore(mesh, folder, undefined, direct);
  await store.start();
  const [model] = mesh.peers().flatMap((peer) => peer.card?.models ?? []);
  if (model === undefined) throw new Error('The sender has no model.');
  // Threads and the table are there from earlier transfers, as on a node that has been up for a while.
  await store.ensureShard({ id: model.id, from: 0, to: WARM_UP_LAYERS });
  const rest = { id: model.id, from: 0, to };
  const bytes = (await store.missingBytes(rest)) ?? 0;
  const rate = await rateOf(bytes, async () => void (await store.ensureShard(rest)));
  await store.stop();
  await rm(folder, { recursive: true, force: true });
  return rate;
}

export function overStreams(streams: number): Promise<number> {
  return withMesh([{}], (mesh) => rateOf(TOTAL_BYTES, () => receiveStreams(mesh, streams, TOTAL_BYTES)));
}
