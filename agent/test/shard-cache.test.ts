import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ShardCache, type RemovedShards, type ShardCacheOptions } from '../src/engine/shard-cache.ts';

const FILE_BYTES = 64 * 1024;
const HOUR_MS = 3_600_000;
const FOREVER = Number.POSITIVE_INFINITY;

let directory: string;
let nowMs: number;
let removed: RemovedShards[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-shards-'));
  nowMs = Date.UTC(2030, 0, 1);
  removed = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Room for so many files of the tests. */
function cacheFor(files: number, options: Partial<ShardCacheOptions> = {}): ShardCache {
  const quotaBytes = files * FILE_BYTES;
  const onRemoved = (what: RemovedShards): void => void removed.push(what);
  return new ShardCache({ directory, quotaBytes, clock: { wallMs: () => nowMs }, onRemoved, ...options });
}

const write = (path: string): Promise<void> => writeFile(path, Buffer.alloc(FILE_BYTES, 1));
const mustBeThere = (): Promise<void> => Promise.reject(new Error('written again'));
const names = async (): Promise<string[]> => (await readdir(directory)).toSorted();

/** Uses a shard for a moment, a while after whatever was before. */
async function use(cache: ShardCache, key: string): Promise<void> {
  nowMs += HOUR_MS;
  (await cache.take(key, FILE_BYTES, write)).release();
}

it('makes room by removing what was used longest ago, and tells', async () => {
  const cache = cacheFor(2);
  for (const key of ['a', 'b', 'a', 'c']) await use(cache, key);
  expect(await names()).toEqual(['a.gguf', 'c.gguf']);
  expect(removed).toEqual([{ files: 1, bytes: FILE_BYTES }]);
});

it('takes what is there as it is, also of an agent that ran before', async () => {
  await use(cacheFor(2), 'a');
  nowMs += HOUR_MS;
  const held = await cacheFor(2).take('a', FILE_BYTES, mustBeThere);
  expect(held.path).toBe(join(directory, 'a.gguf'));
});

it('keeps what is in use over its bound, and lets go of it afterwards', async () => {
  const cache = cacheFor(1);
  const a = await cache.take('a', FILE_BYTES, write);
  const again = await cache.take('a', FILE_BYTES, mustBeThere);
  await use(cache, 'b');
  expect(await names()).toEqual(['a.gguf', 'b.gguf']);
  a.release();
  a.release();
  await use(cache, 'c');
  expect(await names()).toEqual(['a.gguf', 'c.gguf']);
  again.release();
  nowMs += HOUR_MS;
  await use(cache, 'd');
  expect(await names()).toEqual(['d.gguf']);
});

it('counts files that are being written, and removes none of those', async () => {
  const cache = cacheFor(2);
  await use(cache, 'old');
  nowMs += HOUR_MS;
  const both = await Promise.all(['a', 'b'].map((key) => cache.take(key, FILE_BYTES, write)));
  expect(await names()).toEqual(['a.gguf', 'b.gguf']);
  for (const { release } of both) release();
});

it('leaves to other agents of the machine what they took just now', async () => {
  const cache = cacheFor(1);
  await use(cacheFor(1), 'theirs');
  nowMs += 1000;
  await cache.take('a', FILE_BYTES, write);
  expect(await names()).toEqual(['a.gguf', 'theirs.gguf']);
});

it('makes room on a full disk, within its bound, too', async () => {
  const cache = cacheFor(100, { freeBytes: async () => FILE_BYTES / 2 });
  await write(join(directory, 'old.gguf'));
  await utimes(join(directory, 'old.gguf'), 1, 1);
  await use(cache, 'a');
  expect(await names()).toEqual(['a.gguf']);
});

it('is as small as a lower bound wants from the next start on, and leaves other files alone', async () => {
  const before = cacheFor(FOREVER);
  for (const key of ['a', 'b', 'c']) await use(before, key);
  await writeFile(join(directory, 'notes.txt'), Buffer.alloc(FILE_BYTES));
  nowMs += HOUR_MS;
  await cacheFor(1).tidy();
  expect(await names()).toEqual(['c.gguf', 'notes.txt']);
  expect(removed).toEqual([{ files: 2, bytes: 2 * FILE_BYTES }]);
});

it('says where layers cannot be kept, and why', async () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  await expect(cacheFor(1).take('a', FILE_BYTES, () => Promise.reject(full))).rejects.toMatchObject({
    name: 'ShardFileError',
    message: expect.stringMatching(/64\.0 KB.*the disk is full/),
    hint: expect.stringContaining('Free some space'),
  });
  await writeFile(join(directory, 'file'), '');
  const misplaced = cacheFor(1, { directory: join(directory, 'file', 'shards') });
  await expect(misplaced.take('a', FILE_BYTES, write)).rejects.toMatchObject({ name: 'ShardFileError' });
});

it('holds nothing of what could not be written', async () => {
  const cache = cacheFor(1);
  await expect(cache.take('a', FILE_BYTES, () => Promise.reject(new Error('no space')))).rejects.toThrow('no space');
  await use(cache, 'a');
  nowMs += HOUR_MS;
  await use(cache, 'b');
  expect(await names()).toEqual(['b.gguf']);
});
