import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { modelId, systemClock } from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPiece, PieceFile } from '../src/index.ts';
import { Disk } from './support/disk.ts';

/** `PIPPA_KILLS=200` is the long form. */
const KILLS = Number(process.env['PIPPA_KILLS'] ?? 8);
const NODE = fileURLToPath(new URL('support/downloading-node.ts', import.meta.url));

let disk: Disk;
beforeEach(async () => {
  disk = await Disk.create();
});
afterEach(() => disk[Symbol.asyncDispose]());

/** Runs the node; kills it once `lines` lines of progress came, or a random moment after. */
async function run(
  root: string,
  lines: number,
  random: () => number,
): Promise<{ readonly resumedWith: number; readonly isComplete: boolean }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', NODE, root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let left = lines;
  let resumedWith = 0;
  let isComplete = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('began ')) resumedWith = Number(line.slice(6));
    isComplete ||= line === 'complete';
    left -= 1;
    if (left !== 0) continue;
    // Between two lines there are checks, writes and syncs: any of them may be hit.
    const spins = Math.floor(random() * 200_000);
    for (let spin = 0; spin < spins; spin += 1) random();
    child.kill('SIGKILL');
  }
  await ended;
  return { resumedWith, isComplete };
}

/** Everything that the journal claims is right. */
async function expectClaimsToHold(root: string, original: Buffer): Promise<number> {
  const folder = join(root, 'laptop/pieces');
  const [name] = await readdir(folder).catch(() => []);
  if (name === undefined) return 0;
  const file = await PieceFile.resume({ directory: join(folder, name), id: modelId(name), clock: systemClock });
  if (file === undefined) return 0;
  for (const piece of file.present) {
    const { offset, length } = file.map.place(piece);
    const bytes = await file.read(piece, 0, length);
    expect(await isPiece(file.table, piece, bytes)).toBe(true);
    expect(Buffer.from(bytes).equals(original.subarray(offset, offset + length))).toBe(true);
  }
  const { size } = file.present;
  await file.close();
  return size;
}

describe('a transfer', () => {
  it(
    `survives ${KILLS} kills at random moments: every start goes on, and no wrong byte is ever claimed`,
    { timeout: 20_000 * Math.max(1, KILLS) },
    async () => {
      let seed = 42;
      const random = (): number => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        return seed / 2 ** 32;
      };
      for (let kill = 0; kill < KILLS;) {
        // A model takes a handful of kills until it is complete.
        const root = disk.path(`round-${kill}`);
        const path = await disk.model(`round-${kill}/studio/models/big.gguf`, kill + 1, {
          layers: 12,
          embeddingLength: 128,
          feedForwardLength: 768,
        });
        const original = await readFile(path);
        let pieces = 0;
        let isComplete = false;
        while (!isComplete) {
          const isLast = kill >= KILLS;
          const ran = await run(root, isLast ? -1 : 2 + Math.floor(random() * 40), random);
          if (pieces > 0 && (await readdir(join(root, 'laptop/models'))).length === 0) expect(ran.resumedWith).toBeGreaterThan(0);
          if (!ran.isComplete) {
            kill += 1;
            const before = pieces;
            pieces = await expectClaimsToHold(root, original);
            // Once the plain file is there the pieces may be gone.
            const isPublished = (await readdir(join(root, 'laptop/models'))).length > 0;
            if (!isPublished) expect(pieces).toBeGreaterThanOrEqual(before);
          }
          isComplete = ran.isComplete;
        }
        expect((await readFile(join(root, 'laptop/models/big.gguf'))).equals(original)).toBe(true);
      }
    },
  );
});
