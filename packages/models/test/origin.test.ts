import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { peerId, systemClock, type Clock, type ModelId } from '@pippa/core';
import { HubServer, type HubFault } from '@pippa/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { originOfPath } from '../src/library/origin-of-path.ts';
import { Disk } from './support/disk.ts';
import { House, total, type Node } from './support/house.ts';

const SHAPE = { layers: 12, embeddingLength: 128, feedForwardLength: 768, vocabularySize: 512 };
const REPOSITORY = 'org/Repo-GGUF';
const FILE = 'Repo-Q4_K_M.gguf';
/** Twenty times as fast, so that nobody waits. */
const hasty: Clock = {
  nowMs: () => systemClock.nowMs() * 20,
  wallMs: () => systemClock.wallMs(),
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / 20, callback),
};

let disk: Disk;
let house: House;
let hub: HubServer;
beforeEach(async () => {
  disk = await Disk.create();
  house = new House(disk);
  hub = await HubServer.start();
});
afterEach(async () => {
  await house.stop();
  await hub[Symbol.asyncDispose]();
  await disk[Symbol.asyncDispose]();
});

interface Orphaned {
  readonly bytes: Buffer;
  readonly id: ModelId;
  /** Has layers 0 to 5. */
  readonly mini: Node;
  readonly laptop: Node;
}

/** A model that was pulled by a node that is gone since; one that stayed has half of it, and one that has nothing wants all. */
async function orphaned(isAllowed = true, path = `studio/models/${REPOSITORY}/${FILE}`): Promise<Orphaned> {
  const bytes = await readFile(await disk.model(path, 1, SHAPE));
  const studio = await house.node('studio');
  const id = studio.store.list()[0]?.id ?? ('' as ModelId);
  await studio.store.prepare(id);
  const mini = await house.node('mini');
  await mini.store.ensureShard({ id, from: 0, to: 6 });
  house.network.kill(peerId('studio'));
  const origins = { environment: { HF_ENDPOINT: hub.url, OLLAMA_REGISTRY: hub.url }, home: disk.root };
  const laptop = await house.node('laptop', { clock: hasty, ...(isAllowed ? { origins } : {}) });
  return { bytes, id, mini, laptop };
}

describe('pieces that no node has', () => {
  it('are got from the hub, and only these, where that is allowed', async () => {
    const { bytes, id, mini, laptop } = await orphaned();
    hub.addFile(REPOSITORY, FILE, bytes);
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(bytes)).toBe(true);
    const half = mini.store.list()[0]?.presentBytes ?? 0;
    expect(laptop.received.get('mini')).toBe(half);
    // The question for the header's end: the first byte of what it sends is counted too.
    expect(hub.bytesSent).toBeGreaterThanOrEqual(bytes.length - half);
    expect(hub.bytesSent).toBeLessThan(bytes.length - half + 64 * 1024);
  });

  it('are got by what somebody who has gone had told, after a restart, too', async () => {
    const { bytes, id, laptop } = await orphaned();
    hub.addFile(REPOSITORY, FILE, bytes);
    await laptop.store.header(id);
    await laptop.store.stop();
    house.network.kill(peerId('mini'));
    const origins = { environment: { HF_ENDPOINT: hub.url }, home: disk.root };
    const again = await house.node('laptop', { clock: hasty, origins });
    const { model } = await again.store.ensureShard({ id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(bytes)).toBe(true);
    expect(total(again.received)).toBe(0);
  });

  it.each<[string, HubFault]>([
    ['breaks off', { kind: 'cut', afterBytes: 100_000 }],
    ['sends another part', { kind: 'wrong-range' }],
    ['sends wrong bytes', { kind: 'wrong-bytes' }],
    ['is busy', { kind: 'status', status: 429, retryAfter: 1 }],
    ['fails', { kind: 'status', status: 503 }],
    ['sends too much', { kind: 'too-much' }],
  ])('come whole from a hub that %s at first', async (_what, fault) => {
    const { bytes, id, laptop } = await orphaned();
    hub.addFile(REPOSITORY, FILE, bytes);
    hub.fault = (request) => (request === 0 ? fault : undefined);
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(bytes)).toBe(true);
  });

  it('are got from the registry of Ollama, where the model was pulled from there', async () => {
    const { bytes, id, laptop } = await orphaned(true, 'studio/models/ollama/tiny/1b.gguf');
    hub.addTag('library/tiny:1b', bytes);
    const { model } = await laptop.store.ensureShard({ id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(bytes)).toBe(true);
  });

  it('are missing where that is not allowed, and the error says where they are to be had', async () => {
    const { id, laptop } = await orphaned(false);
    const hint = expect.stringContaining(
      `pippa-agent pull hf:${REPOSITORY}/${FILE}, or start the agent with --auto-pull`,
    ) as string;
    await expect(laptop.store.ensureShard({ id, from: 0, to: 12 })).rejects.toMatchObject({ name: 'ModelNotHereError', hint });
    expect(hub.log).toEqual([]);
  });

  it('are missing where the hub has another version by now: nothing of it is taken', async () => {
    const { bytes, id, laptop } = await orphaned();
    const other = Buffer.from(bytes);
    for (let at = 0; at < other.length; at += 1000) other[at] = (other[at] ?? 0) ^ 1;
    hub.addFile(REPOSITORY, FILE, other);
    const message = expect.stringMatching(/other bytes for piece \d+ than the nodes agreed on/) as string;
    await expect(laptop.store.ensureShard({ id, from: 6, to: 12 })).rejects.toMatchObject({ name: 'ModelNotHereError', message });
    hub.addFile(REPOSITORY, FILE, bytes.subarray(1));
    const longer = expect.stringContaining('another version of the model') as string;
    await expect(laptop.store.ensureShard({ id, from: 6, to: 12 })).rejects.toMatchObject({ message: longer });
  });

  it('are never got from an address that a peer names', async () => {
    const { bytes, id, mini, laptop } = await orphaned();
    hub.addFile(REPOSITORY, FILE, bytes);
    const table = disk.path(`${mini.name}/pieces/${id}/table.json`);
    const about = JSON.parse(await readFile(table, 'utf8')) as object;
    await mini.store.stop();
    await mkdir(dirname(table), { recursive: true });
    await writeFile(table, JSON.stringify({ ...about, origin: `${hub.url}/org/Repo-GGUF/resolve/main/${FILE}` }));
    await house.node('mini');
    await expect(laptop.store.ensureShard({ id, from: 6, to: 12 })).rejects.toMatchObject({ name: 'ModelNotHereError' });
    expect(hub.log).toEqual([]);
  });
});

describe('where a file was got from', () => {
  it.each([
    ['own', 'org/Repo-GGUF/a-Q8_0.gguf', 'hf:org/Repo-GGUF/a-Q8_0.gguf'],
    ['own', 'ollama/llama3.2/1b.gguf', 'ollama:llama3.2:1b'],
    ['own', 'ollama/me@mine/latest.gguf', 'ollama:me/mine:latest'],
    ['own', 'a.gguf', undefined],
    ['lm-studio', 'org/repo/a.gguf', 'hf:org/repo/a.gguf'],
    ['hugging-face', 'models--org--repo--x/snapshots/abc/q4/a.gguf', 'hf:org/repo--x@abc/q4/a.gguf'],
    ['ollama', 'registry.ollama.ai/library/llama3.2/1b', 'ollama:llama3.2:1b'],
    ['ollama', 'registry.ollama.ai/me/mine/latest', 'ollama:me/mine:latest'],
    ['ollama', 'example.com/me/mine/latest', undefined],
    ['folder', 'org/repo/a.gguf', undefined],
  ] as const)('%s: %s', (kind, path, origin) => {
    expect(originOfPath({ kind, directory: '/' }, path)).toBe(origin);
  });
});
