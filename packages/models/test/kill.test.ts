import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { modelId, systemClock } from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPiece, PieceFile } from '../src/index.ts';
import { Disk } from './support/disk.ts';

/** `PIPPA_KILLS=200` is the long form. */
const KILLS = Number(process.env['PIPPA_KILLS'] ?? (process.env['CI'] === undefined ? 8 : 60));
/** Of one model, after which it may come to its end. */
const KILLS_A_MODEL = 3;
const NODE = fileURLToPath(new URL('support/downloading-node.ts', import.meta.url));

let disk: Disk;
beforeEach(async () => {
  disk = await Disk.create();
});
afterEach(() => disk[Symbol.asyncDispose]());

/** Runs the node; kills it once `lines` lines of progress came, or a random moment after. */
async function run(
  root: string,
  way: 'stream' | 'direct',
  lines: number,
  random: () => number,
): Promise<{ readonly resumedWith: number; readonly isComplete: boolean }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', NODE, root, way], {
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

/** By streams: 4.5 MB. Direct: 27 MB, as less is not worth a connection. */
const SHAPES = {
  stream: { layers: 12, embeddingLength: 128, feedForwardLength: 768 },
  direct: { layers: 12, embeddingLength: 256, feedForwardLength: 2560 },
};
const MOST_LINES = { stream: 30, direct: 150 };

describe(`a transfer that is killed ${KILLS} times at random moments`, () => {
  const rounds = Array.from({ length: Math.ceil(KILLS / KILLS_A_MODEL) }, (_, round) => ({
    round,
    way: round % 2 === 0 ? ('stream' as const) : ('direct' as const),
    kills: Math.min(KILLS_A_MODEL, KILLS - round * KILLS_A_MODEL),
  }));
  it.each(rounds)(
    'goes on with every start and never claims a wrong byte (model $round, $way, $kills kills)',
    async ({ round, way, kills }) => {
      let seed = 42 + round;
      const random = (): number => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        return seed / 2 ** 32;
      };
      const root = disk.root;
      const original = await readFile(await disk.model('studio/models/big.gguf', round + 1, SHAPES[way]));
      const isPublished = async (): Promise<boolean> => (await readdir(join(root, 'laptop/models')).catch(() => [])).length > 0;
      let pieces = 0;
      let killed = 0;
      while (killed < kills || !(await isPublished())) {
        const wasPublished = await isPublished();
        const ran = await run(root, way, killed < kills ? 2 + Math.floor(random() * MOST_LINES[way]) : -1, random);
        if (pieces > 0 && !wasPublished) expect(ran.resumedWith).toBeGreaterThan(0);
        const before = pieces;
        pieces = await expectClaimsToHold(root, original);
        if (!ran.isComplete) killed += 1;
        if (!(await isPublished())) {
          expect(pieces).toBeGreaterThanOrEqual(before);
          continue;
        }
        expect((await readFile(join(root, 'laptop/models/big.gguf'))).equals(original)).toBe(true);
        if (killed >= kills) break;
        // It came to its end in between: once more from the beginning.
        await rm(join(root, 'laptop'), { recursive: true, force: true });
        pieces = 0;
      }
      expect(killed).toBe(kills);
    },
    60_000,
  );
});
