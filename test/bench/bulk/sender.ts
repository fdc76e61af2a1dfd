/** The sending process: starts the way named on the command line, prints how to meet it as a line of JSON, and sends until it is killed. */
import { join } from 'node:path';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { blankCard } from '@pippa/testing';
import { createMesh, memoryMeshState, membershipOf } from '@pippa/mesh';
import { openStore } from './open-store.ts';
import { serveDirect, serveFile, serveSockets, serveStreams, type Meeting } from './ways.ts';

interface Order {
  readonly way: string;
  readonly totalBytes: number;
  readonly connections: number;
  readonly threads: number;
  readonly folder: string;
  readonly direct: boolean;
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}

const KEY = new Uint8Array(16).fill(7);

async function serve(order: Order): Promise<object> {
  switch (order.way) {
    case 'tcp':
    case 'tls':
      return serveSockets(order.way, order.totalBytes);
    case 'file':
      return serveFile(join(order.folder, 'models/bench.gguf'));
    case 'direct':
      return order.threads === 1 ? serveDirect(order.connections, order.totalBytes) : serveInThreads(order);
    default:
      return serveMesh(order);
  }
}

/** A connection a thread. */
async function serveInThreads(order: Order): Promise<Meeting> {
  const meetings = await Promise.all(
    Array.from({ length: order.threads }, async () => {
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { ...order, threads: 1, connections: 1, totalBytes: order.totalBytes / order.threads },
      });
      return new Promise<Meeting & { kind: 'direct' }>((resolve) => void worker.once('message', resolve));
    }),
  );
  return { kind: 'direct', ports: meetings.flatMap((meeting) => meeting.ports) };
}

/** A node of a mesh that also gives the model of the folder. */
async function serveMesh(order: Order): Promise<object> {
  const { peer: _peer, version: _version, protocolVersion: _protocol, ...card } = blankCard('sender');
  const mesh = createMesh({
    state: await memoryMeshState({ membership: membershipOf(KEY, 0) }),
    card,
    listen: { hosts: ['127.0.0.1'] },
    discovery: false,
  });
  await mesh.start();
  serveStreams(mesh);
  if (order.folder !== '') {
    const store = openStore(mesh, order.folder, () => order.bytesPerSecond || Infinity, order.direct);
    await store.start();
    for (const model of store.list()) await store.prepare(model.id);
    mesh.updateCard({ models: store.list() });
  }
  return { kind: 'mesh', addresses: mesh.addresses };
}

const order = (isMainThread ? JSON.parse(process.argv[2] ?? '{}') : workerData) as Order;
const meeting = await serve(order);
if (isMainThread) process.stdout.write(`${JSON.stringify(meeting)}\n`);
else parentPort?.postMessage(meeting);
// Ends with the process that started it.
if (isMainThread) process.stdin.on('end', () => process.exit()).resume();
