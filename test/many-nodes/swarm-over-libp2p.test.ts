import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, type Mesh } from '@pippa/core';
import { createMesh, foundMesh, memoryMeshState, type MeshNode } from '@pippa/mesh';
import { createLibrary, createModelStore, type ModelStore } from '@pippa/models';
import { writeTinyModel, blankCard } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface House {
  readonly mesh: MeshNode;
  readonly store: ModelStore;
  readonly own: string;
}

/** 27 MB, of which a third of the layers is enough for a direct connection. */
const SHAPE = { layers: 12, embeddingLength: 256, feedForwardLength: 5120, seed: 3 };

let folder: string;
const membership = foundMesh();
const nodes: House[] = [];

async function add(name: string): Promise<House> {
  const { peer: _peer, version: _version, protocolVersion: _protocol, ...card } = blankCard(name);
  const mesh = createMesh({
    state: await memoryMeshState({ membership }),
    card,
    listen: { hosts: ['127.0.0.1'] },
    discovery: false,
    peers: nodes.flatMap((other) => other.mesh.addresses),
  });
  const own = join(folder, name, 'models');
  await mkdir(own, { recursive: true });
  const library = createLibrary({
    places: [{ kind: 'own', directory: own }],
    memoryPath: join(folder, name, 'library.json'),
    clock: systemClock,
    logger: silentLogger,
  });
  const store = createModelStore({
    library,
    mesh,
    piecesDirectory: join(folder, name, 'pieces'),
    tablesDirectory: join(folder, name, 'tables'),
    ownDirectory: own,
    clock: systemClock,
    logger: silentLogger,
    random: Math.random,
    direct: { host: '127.0.0.1', addresses: () => ['127.0.0.1'] },
  });
  store.onChanged(() => mesh.updateCard({ models: store.list() }));
  await mesh.start();
  await store.start();
  const node = { mesh, store, own };
  nodes.push(node);
  return node;
}

async function until(mesh: Mesh, holds: () => boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (!holds()) return;
      stop();
      resolve();
    };
    const stop = mesh.onPeersChanged(look);
    look();
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-swarm-'));
  await mkdir(join(folder, 'studio/models'), { recursive: true });
  await writeTinyModel(join(folder, 'studio/models/big.gguf'), SHAPE);
  for (const name of ['studio', 'a', 'b', 'c']) await add(name);
});
afterAll(async () => {
  for (const { store, mesh } of nodes) {
    await store.stop();
    await mesh.stop();
  }
  await rm(folder, { recursive: true });
});

describe('a swarm over libp2p', () => {
  it('brings three nodes up from one copy, moves each byte once, and makes the copy whole again without its owner', async () => {
    const [studio, ...others] = nodes;
    const model = studio?.store.list()[0];
    if (studio === undefined || model === undefined) throw new Error('There is no model.');
    const knows = (mesh: Mesh, name: string): boolean =>
      mesh
        .peers()
        .some((peer) => peer.card?.name === name && peer.card.models.some((each) => each.id === model.id && each.presentBytes > 0));
    await Promise.all(others.map(({ mesh }) => until(mesh, () => knows(mesh, 'studio'))));
    expect(await others[0]?.store.manifest('big')).toMatchObject({ id: model.id, layers: { length: 12 } });
    await Promise.all(others.map(({ store }, index) => store.ensureShard({ id: model.id, from: 4 * index, to: 4 * index + 4 })));
    const moved = others.reduce((sum, { store }) => sum + store.traffic.receivedBytes, 0);
    // Headers three times, and the pieces that lie on boundaries twice.
    expect(moved).toBeLessThan(model.fileBytes + 8 * 131_072);
    expect(studio.store.traffic.sentBytes).toBeLessThanOrEqual(moved + 4 * 131_072);
    await studio.store.stop();
    await studio.mesh.stop();
    const last = await add('last');
    await until(last.mesh, () => ['a', 'b', 'c'].every((name) => knows(last.mesh, name)));
    await last.store.ensureShard({ id: model.id, from: 0, to: 12 });
    const [copy, original] = await Promise.all([
      readFile(join(last.own, 'big.gguf')),
      readFile(join(folder, 'studio/models/big.gguf')),
    ]);
    expect(copy.equals(original)).toBe(true);
  });
});
