/** A node that fetches the one model of its mesh over and over, as its parent tells it: see `fetching-node.ts`. */
import { rm } from 'node:fs/promises';
import { StoppedError } from '@pippa/core';
import { createMesh, membershipOf, memoryMeshState } from '@pippa/mesh';
import { blankCard } from '@pippa/testing';
import { openStore } from '../bulk/open-store.ts';
import type { FetchingOptions } from './fetching-node.ts';

const { directory, key, peers } = JSON.parse(process.argv[2] ?? '{}') as FetchingOptions;
const { peer: _peer, version: _version, protocolVersion: _protocol, ...card } = blankCard('taker');
const mesh = createMesh({
  state: await memoryMeshState({ membership: membershipOf(Buffer.from(key, 'hex'), 0) }),
  card,
  listen: { hosts: ['127.0.0.1'] },
  discovery: false,
  peers,
});
await mesh.start();
const hasModel = (): boolean => mesh.peers().some((other) => other.card?.models.some((model) => model.presentBytes > 0));
await new Promise<void>((resolve) => {
  const look = (): void => {
    if (hasModel()) resolve();
  };
  mesh.onPeersChanged(look);
  look();
});

let stop: (() => Promise<number>) | undefined;

/** Fetches until it is stopped, from the beginning whenever it is done. Settles with the first bytes. */
async function fetchOver(): Promise<void> {
  const abort = new AbortController();
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  let received = 0;
  let startedMs = performance.now();
  const work = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      await rm(directory, { recursive: true, force: true });
      const store = openStore(mesh, directory);
      await store.start();
      const [model] = mesh.peers().flatMap((other) => other.card?.models ?? []);
      const before = received;
      if (model !== undefined) {
        await store
          .ensureShard(
            { id: model.id, from: 0, to: model.layerCount },
            {
              signal: abort.signal,
              onProgress: () => {
                if (received === 0) startedMs = performance.now();
                received = before + store.traffic.receivedBytes;
                begin();
              },
            },
          )
          .catch(() => {});
      }
      await store.stop();
    }
  };
  const working = work();
  stop = async () => {
    const rate = received / 1e3 / (performance.now() - startedMs);
    abort.abort(new StoppedError('enough'));
    await working;
    return rate;
  };
  await began;
}

process.on('message', (order: 'fetch' | 'stop') => {
  const done = order === 'fetch' ? fetchOver().then(() => 0) : (stop?.() ?? Promise.resolve(0));
  void done.then((value) => process.send?.(value));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
