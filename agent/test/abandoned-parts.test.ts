import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeAbandonedParts } from '../src/engine/abandoned-parts.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const MINUTES = 60_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-parts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, minutesAgo: number): Promise<void> {
  await writeFile(join(folder, name), '');
  const at = new Date(NOW_MS - minutesAgo * MINUTES);
  await utimes(join(folder, name), at, at);
}

it('removes what a killed agent left half-written, and nothing else', async () => {
  await write('a.gguf.1.part', 61);
  await write('b.gguf.2.part', 59);
  await write('c.gguf', 1_000_000);
  await removeAbandonedParts(folder, NOW_MS);
  expect((await readdir(folder)).toSorted()).toEqual(['b.gguf.2.part', 'c.gguf']);
});

it('does without a folder', async () => {
  await expect(removeAbandonedParts(join(folder, 'none'), NOW_MS)).resolves.toBeUndefined();
});
