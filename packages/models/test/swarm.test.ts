import { open, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { KIB, modelId, peerId, StoppedError, type FrameStream, type ModelId } from '@pippa/core';
import { readGgufModel, type GgufModel } from '@pippa/gguf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildPieceTable, mapOf, piecesForShard } from '../src/index.ts';
import { Disk } from './support/disk.ts';
import { House, total, type Node } from './support/house.ts';

/** Layers are the most of it: about 4.5 MB in pieces of 64 KiB. */
const SHAPE = { layers: 12, embeddingLength: 128, feedForwardLength: 768, vocabularySize: 512 };

let disk: Disk;
let house: House;
beforeEach(async () => {
  disk = await Disk.create();
  house = new House(disk);
});
afterEach(async () => {
  await house.stop();
  await disk[Symbol.asyncDispose]();
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A node that has the model whole. */
async function seed(
  name: string,
  options: Parameters<House['node']>[1] = {},
): Promise<Node & { readonly path: string; readonly id: ModelId }> {
  const path = await disk.model(`${name}/models/big.gguf`, 1, SHAPE);
  const node = await house.node(name, options);
  for (const model of node.store.list()) await node.store.prepare(model.id);
  return { ...node, path, id: node.store.list()[0]?.id ?? modelId('') };
}

/** Every byte that the layers need is the original's. */
async function expectShard(model: GgufModel, original: string, from: number, to: number): Promise<void> {
  const whole = await readGgufModel(original);
  const table = await buildPieceTable(whole);
  const map = mapOf(table);
  const source = await readFile(original);
  const copy = await readFile(model.files[0]?.path ?? '');
  expect(copy.length).toBe(source.length);
  for (const piece of piecesForShard(whole, table, map, from, to)) {
    const { offset, length } = map.place(piece);
    expect(copy.subarray(offset, offset + length).equals(source.subarray(offset, offset + length)), `piece ${piece}`).toBe(true);
  }
}

describe('the swarm', () => {
  it('gets just the header for a node that only wants to tokenize and plan', async () => {
    const { id, path } = await seed('studio');
    const laptop = await house.node('laptop');
    const header = await laptop.store.header(id);
    const original = await readGgufModel(path);
    expect(header.tensors).toEqual(original.tensors);
    expect([...header.metadata.keys()]).toEqual([...original.metadata.keys()]);
    expect(total(laptop.received)).toBeLessThanOrEqual(128 * KIB);
    expect(await laptop.store.manifest(id)).toMatchObject({ id, layers: { length: 12 } });
    expect(await laptop.store.manifest('big')).toMatchObject({ id });
  });

  it('tells what planning needs without any piece', async () => {
    const { id } = await seed('studio');
    const laptop = await house.node('laptop');
    expect(await laptop.store.manifest('BIG')).toMatchObject({ id, name: 'big', layers: { length: 12 } });
    expect(total(laptop.received)).toBe(0);
  });

  it('stores a quarter of the layers in a quarter of the bytes, the header and a piece at each boundary', async () => {
    const { id, path } = await seed('studio');
    const mini = await house.node('mini');
    const { model } = await mini.store.ensureShard({ id, from: 3, to: 6 });
    await expectShard(model, path, 3, 6);
    const bytes = (await readFile(path)).length;
    // The piece size of a small model is 64 KiB, and so is its header.
    const bound = bytes / 4 + 64 * KIB + 2 * 64 * KIB;
    expect(total(mini.received)).toBeLessThanOrEqual(bound);
    expect(await house.piecesOnDisk('mini', id)).toBeLessThanOrEqual(bound);
    expect(mini.store.list()).toMatchObject([{ id, layerCount: 12, presentBytes: total(mini.received) }]);
    expect(await mini.store.missingBytes({ id, from: 3, to: 6 })).toBe(0);
  });

  it('moves each byte once when three nodes come up from one copy', async () => {
    const { id, path } = await seed('studio');
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => house.node(name)));
    const shards = await Promise.all(
      nodes.map(async (node, index) => (await node.store.ensureShard({ id, from: index * 4, to: index * 4 + 4 })).model),
    );
    for (const [index, model] of shards.entries()) await expectShard(model, path, index * 4, index * 4 + 4);
    const bytes = (await readFile(path)).length;
    const moved = nodes.reduce((sum, node) => sum + total(node.received), 0);
    expect(moved).toBeLessThanOrEqual(bytes + 3 * 64 * KIB + 4 * 64 * KIB);
    expect(nodes.reduce((sum, { store }) => sum + store.traffic.receivedBytes, 0)).toBe(moved);
    // Again: everything is here.
    await nodes[0]?.store.ensureShard({ id, from: 0, to: 4 });
    expect(nodes.reduce((sum, node) => sum + total(node.received), 0)).toBe(moved);
  });

  it('takes pieces from those who have a part only, and makes a plain file of a whole model', async () => {
    const { id, path } = await seed('studio');
    const [a, b] = [await house.node('a'), await house.node('b')];
    await a.store.ensureShard({ id, from: 0, to: 6 });
    await b.store.ensureShard({ id, from: 6, to: 12 });
    house.network.kill(peerId('studio'));
    const c = await house.node('c');
    const { model } = await c.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
    expect([...c.received.keys()].toSorted()).toEqual(['a', 'b']);
    expect(await readdir(c.own)).toEqual(['big.gguf']);
    expect((await readFile(join(c.own, 'big.gguf'))).equals(await readFile(path))).toBe(true);
    expect(c.library.byId(id)).toMatchObject({ paths: [join(c.own, 'big.gguf')] });
  });

  it('shares the work among those who have it', async () => {
    const { id, path } = await seed('studio');
    await seed('server');
    await seed('closet');
    const laptop = await house.node('laptop');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
    const bytes = (await readFile(path)).length;
    expect(total(laptop.received)).toBe(bytes);
    expect([...laptop.received.keys()].toSorted()).toEqual(['closet', 'server', 'studio']);
  });

  it('tells which bytes are there while the others come', async () => {
    // Nothing more goes than what was asked for until somebody says so.
    let rate = 500_000;
    const { id, path } = await seed('studio', { uploadBytesPerSecond: () => rate });
    const laptop = await house.node('laptop');
    const { model, arrival } = await laptop.store.beginShard({ id, from: 3, to: 6 });
    if (arrival === undefined) throw new Error('Everything is here already.');
    expect(arrival.isOver).toBe(false);
    const source = await readFile(path);
    const tensors = model.tensors.filter(({ name }) => name.startsWith('blk.4.'));
    const copy = await open(model.files[0]?.path ?? '', 'r');
    let early = 0;
    await Promise.all(
      tensors.map(async ({ offset, byteLength }) => {
        await arrival.ready(0, offset, byteLength);
        if (!arrival.isOver) early += 1;
        const { buffer } = await copy.read(Buffer.alloc(byteLength), 0, byteLength, offset);
        expect(buffer.equals(source.subarray(offset, offset + byteLength))).toBe(true);
        rate = Infinity;
      }),
    );
    await copy.close();
    expect(early).toBeGreaterThan(0);
    await arrival.done;
    await expectShard(model, path, 3, 6);
    // What was begun before is settled before anything is told.
    expect((await laptop.store.beginShard({ id, from: 0, to: 6 })).arrival).toMatchObject({ isOver: true });
  });

  it('tells those who wait for bytes what keeps them from coming', async () => {
    const { id } = await seed('studio', { uploadBytesPerSecond: () => 100_000 });
    const laptop = await house.node('laptop');
    const controller = new AbortController();
    const { model, arrival } = await laptop.store.beginShard({ id, from: 0, to: 12 }, { signal: controller.signal });
    if (arrival === undefined) throw new Error('Everything is here already.');
    const waiting = model.tensors.map(({ offset, byteLength }) => arrival.ready(0, offset, byteLength));
    const reason = new StoppedError('enough');
    controller.abort(reason);
    const failed = (await Promise.allSettled(waiting)).filter((result) => result.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    expect(new Set(failed.map((result) => result.reason as unknown))).toEqual(new Set([reason]));
    await expect(arrival.done).rejects.toBe(reason);
    expect(arrival.failure).toBe(reason);
  });

  it('goes on where it stopped', async () => {
    const { id, path } = await seed('studio');
    const first = await house.node('laptop');
    const controller = new AbortController();
    const bytes = (await readFile(path)).length;
    const reason = new StoppedError('enough');
    const running = first.store.ensureShard(
      { id, from: 0, to: 12 },
      { signal: controller.signal, onProgress: (progress) => progress.doneBytes > bytes / 2 && controller.abort(reason) },
    );
    await expect(running).rejects.toBe(reason);
    await first.store.stop();
    const second = await house.node('laptop');
    const { model } = await second.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
    expect(total(second.received)).toBeLessThan(bytes / 2);
    await second.store.stop();
    // What has become a plain file needs its pieces no more.
    const third = await house.node('laptop');
    expect(await readdir(disk.path('laptop/pieces'))).toEqual([]);
    expect(third.store.list()).toMatchObject([{ id, presentBytes: bytes }]);
  });

  it('goes on with the others when a peer dies', async () => {
    const { id, path } = await seed('studio');
    await seed('server');
    const laptop = await house.node('laptop');
    let killed = false;
    const { model } = await laptop.store.ensureShard(
      { id, from: 0, to: 12 },
      {
        onProgress: () => {
          if (!killed) house.network.kill(peerId('studio'));
          killed = true;
        },
      },
    );
    await expectShard(model, path, 0, 12);
    expect(laptop.received.get('server')).toBeGreaterThan(0);
  });
});

/** Changes data on its way to a peer. */
const tampering =
  (change: (header: { piece: number; offset: number }, payload: Uint8Array) => [object, Uint8Array]) =>
  (stream: FrameStream): FrameStream => {
    const { send } = stream;
    stream.send = (header, payload) => {
      const isData = typeof header === 'object' && header !== null && 'kind' in header && header.kind === 'data';
      if (!isData || payload === undefined) return send.call(stream, header, payload);
      return send.call(stream, ...change(header as unknown as { piece: number; offset: number }, payload.slice()));
    };
    return stream;
  };

describe('the pace of transfers', () => {
  it.each([
    ['what uploads may take', { uploadBytesPerSecond: () => 4_000_000 }, {}],
    ['what downloads may take', {}, { downloadBytesPerSecond: () => 4_000_000 }],
  ])('keeps to %s', async (_what, sending, receiving) => {
    const { id, path } = await seed('studio', sending);
    const laptop = await house.node('laptop', receiving);
    const startedMs = performance.now();
    await laptop.store.ensureShard({ id, from: 0, to: 3 });
    const elapsedMs = performance.now() - startedMs;
    // Less what may go in advance; how much longer it takes depends on the machine.
    expect(elapsedMs).toBeGreaterThan((total(laptop.received) - 4 * 64 * KIB) / 4000);
    await expectShard((await laptop.store.ensureShard({ id, from: 0, to: 3 })).model, path, 0, 3);
  });
});

describe('several peers with slow links', () => {
  it('share the work, so that the slowest has about a third of it', async () => {
    // Links that are much slower than this machine: what comes of whom is up to them.
    const slow = { uploadBytesPerSecond: () => 1_000_000 };
    const { id } = await seed('studio', slow);
    await seed('server', slow);
    await seed('closet', slow);
    const laptop = await house.node('laptop');
    await laptop.store.ensureShard({ id, from: 0, to: 12 });
    // One alone would take as long as all its bytes; so the time is that of the one with the most.
    expect(Math.max(...laptop.received.values())).toBeLessThan(0.6 * total(laptop.received));
  });
});

describe('peers that cannot be trusted', () => {
  it.each([
    [
      'flips a bit',
      tampering((header, payload) => [header, (payload.set([(payload[7] ?? 0) ^ 1], 7), payload)]),
      /wrong bytes for piece/,
    ],
    [
      'sends less than it says',
      tampering((header, payload) => [{ ...header, offset: header.offset + 1 }, payload]),
      /do not follow/,
    ],
    ['sends more than a piece', tampering((header, payload) => [header, new Uint8Array(payload.length + 8)]), /do not follow/],
    ['sends what nobody asked for', tampering((header, payload) => [{ ...header, piece: 65 }, payload]), /nobody asked for/],
    ['speaks nonsense', tampering((_, payload) => [{ kind: 'gibberish' }, payload]), /piece reply that is none/],
  ])('drops and names one that %s, and ends with the right bytes', async (_what, tamper, reason) => {
    const { id, path } = await seed('studio');
    await seed('liar', { tamper });
    const laptop = await house.node('laptop');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
    const dropped = laptop.warnings.filter((warning) => warning.startsWith('a peer is dropped'));
    expect(dropped).toHaveLength(1);
    expect(dropped[0]).toContain('"name":"liar"');
    expect(dropped[0]).toMatch(reason);
  });

  it('gives up pieces of a copy that nobody else has, once its owner is gone', async () => {
    const odd = await seed('odd');
    // Damaged before it was hashed, where no sample is taken: the same id, another table.
    const bytes = await readFile(odd.path);
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 4;
    await odd.store.stop();
    await writeFile(odd.path, bytes);
    const again = await house.node('odd');
    const [card] = again.store.list();
    expect(card?.id).toBe(odd.id);
    await again.store.prepare(odd.id);
    const laptop = await house.node('laptop');
    await laptop.store.ensureShard({ id: odd.id, from: 0, to: 2 });
    house.network.kill(peerId('odd'));
    const { id, path } = await seed('studio');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
    expect(laptop.warnings.some((warning) => warning.startsWith('pieces of a copy that nobody else has'))).toBe(true);
  });

  it('makes no plain file of pieces that together are another model', async () => {
    const liar = await seed('liar');
    const id = modelId('a'.repeat(64));
    // It answers for an id with a model that is not that one.
    const mesh = house.network.find(peerId('liar'));
    liar.library.byId = () => liar.library.models()[0];
    mesh?.updateCard({ models: liar.store.list().map((model) => ({ ...model, id })) });
    const laptop = await house.node('laptop');
    await expect(laptop.store.ensureShard({ id, from: 0, to: 12 })).rejects.toMatchObject({ name: 'WrongModelError' });
    expect(await readdir(laptop.own)).toEqual([]);
    expect(laptop.store.list()).toEqual([]);
  });

  it('finds out a copy that was damaged on disk, and the copy is no longer given away', async () => {
    const { id, path } = await seed('studio');
    const broken = await seed('broken');
    // Both have hashed their copies before one is damaged.
    const early = await house.node('early');
    await early.store.ensureShard({ id, from: 0, to: 1 });
    const bytes = await readFile(broken.path);
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 4;
    await writeFile(broken.path, bytes);
    const laptop = await house.node('laptop');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
  });

  /** A node whose copy was damaged before anybody hashed it, where no sample is taken: the same id, another table. */
  async function damagedSeed(
    name: string,
    isStated: boolean,
  ): Promise<{ readonly id: ModelId; readonly good: Buffer; readonly path: string }> {
    const path = await disk.model(`${name}/models/big.gguf`, 1, SHAPE);
    const good = await readFile(path);
    const bytes = Buffer.from(good);
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 4;
    await writeFile(path, bytes);
    if (isStated) await writeFile(join(dirname(path), '.big.gguf.sha256'), `${sha256(good)}  big.gguf\n`);
    const node = await house.node(name);
    const id = node.store.list()[0]?.id ?? modelId('');
    await node.store.prepare(id).catch(() => {});
    return { id, good, path };
  }

  it('finds out that the only copy is not what the hub had stated, names its owner, and goes on once another one has it', async () => {
    const { id, good, path } = await damagedSeed('broken', true);
    // It tells nobody that it has the model any more.
    expect(house.network.find(peerId('broken'))?.card.models).toEqual([]);
    const laptop = await house.node('laptop');
    await expect(laptop.store.ensureShard({ id, from: 0, to: 12 })).rejects.toMatchObject({ name: 'ModelNotHereError' });
    await seed('studio');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(good)).toBe(true);
    expect((await readFile(path)).equals(good)).toBe(false);
  });

  it('hears from a node that hashes its damaged copy just then that it is damaged', async () => {
    const path = await disk.model('broken/models/big.gguf', 1, SHAPE);
    await writeFile(join(dirname(path), '.big.gguf.sha256'), `${'0'.repeat(64)}  big.gguf\n`);
    const broken = await house.node('broken');
    const id = broken.store.list()[0]?.id ?? modelId('');
    const laptop = await house.node('laptop');
    await expect(laptop.store.ensureShard({ id, from: 0, to: 12 })).rejects.toMatchObject({ name: 'ModelNotHereError' });
    const named = laptop.warnings.find((warning) => warning.startsWith('a peer gave no table'));
    expect(named).toMatch(/"name":"broken".*is damaged/);
    expect(broken.warnings.join()).toContain('a model cannot be hashed');
  });

  it('believes a copy that was compared with what the hub states, whatever others have, and says that they differ', async () => {
    const { id, good } = await damagedSeed('one', false);
    await damagedSeed('two', false);
    const studio = await disk.model('studio/models/big.gguf', 1, SHAPE);
    await writeFile(join(dirname(studio), '.big.gguf.sha256'), `${sha256(good)}  big.gguf\n`);
    await (await house.node('studio')).store.prepare(id);
    const laptop = await house.node('laptop');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(good)).toBe(true);
    expect(laptop.warnings.some((warning) => /different copies of a model.*"name":"one"/.test(warning))).toBe(true);
  });

  it('does not take a file that was cut for a source', async () => {
    const { id, path } = await seed('studio');
    const cut = await seed('cut');
    await truncate(cut.path, 1_000_000);
    const laptop = await house.node('laptop');
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    await expectShard(model, path, 0, 12);
  });
});
