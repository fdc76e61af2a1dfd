import { appendFile, copyFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB, systemClock } from '@pippa/core';
import { modelFingerprint, readGgufModel } from '@pippa/gguf';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildPieceTable, isPiece, PieceFile, PieceMap, pieceBytesFor, PieceSet, tableDigest } from '../src/index.ts';
import { Disk } from './support/disk.ts';

let disk: Disk;
beforeEach(async () => {
  disk = await Disk.create();
});
afterEach(() => disk[Symbol.asyncDispose]());

describe('the map of pieces', () => {
  const files = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 6 });

  it('covers every byte of every file once, in order', () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 1000 }), (fileBytes, pieceBytes) => {
        const map = new PieceMap(fileBytes, pieceBytes);
        const ends = fileBytes.map(() => 0);
        for (let piece = 0; piece < map.count; piece += 1) {
          const { file, offset, length } = map.place(piece);
          expect(offset).toBe(ends[file]);
          expect(length).toBeGreaterThan(0);
          ends[file] = offset + length;
        }
        expect(ends).toEqual(fileBytes);
        expect(map.bytesOf(Array.from({ length: map.count }, (_, piece) => piece))).toBe(map.totalBytes);
      }),
    );
  });

  it('names just the pieces that hold a range', () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 1000 }), fc.nat(), fc.nat(), (fileBytes, pieceBytes, a, b) => {
        const map = new PieceMap(fileBytes, pieceBytes);
        const file = a % fileBytes.length;
        const offset = b % (fileBytes[file] ?? 1);
        const length = 1 + (a % ((fileBytes[file] ?? 1) - offset));
        const covering = new Set(map.covering(file, offset, length));
        for (let piece = 0; piece < map.count; piece += 1) {
          const place = map.place(piece);
          const overlaps = place.file === file && place.offset < offset + length && place.offset + place.length > offset;
          expect(covering.has(piece)).toBe(overlaps);
        }
      }),
    );
  });

  it('has no piece outside', () => {
    const map = new PieceMap([10, 10], 4);
    expect(map.count).toBe(6);
    for (const piece of [-1, 6, 0.5, Number.NaN]) expect(() => map.place(piece)).toThrow(RangeError);
    expect([...map.covering(2, 0, 5)]).toEqual([]);
  });

  it('cuts small models fine and large ones into 4 MiB', () => {
    expect(pieceBytesFor(1)).toBe(65_536);
    expect(pieceBytesFor(8 * MIB)).toBe(65_536);
    expect(pieceBytesFor(1024 * MIB)).toBe(4 * MIB);
    expect(pieceBytesFor(400_000 * MIB)).toBe(4 * MIB);
  });
});

describe('sets of pieces', () => {
  it('behave like sets, over the wire too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.tuple(fc.boolean(), fc.nat(199))), (count, changes) => {
        const pieces = new PieceSet(count);
        const model = new Set<number>();
        for (const [isAdded, piece] of changes) {
          if (isAdded) pieces.add(piece);
          else pieces.delete(piece);
          if (isAdded && piece < count) model.add(piece);
          if (!isAdded) model.delete(piece);
        }
        const copy = new PieceSet(count, pieces.toBytes());
        expect([...copy]).toEqual([...model].toSorted((a, b) => a - b));
        expect(copy.size).toBe(model.size);
        expect(copy.isFull).toBe(model.size === count);
      }),
    );
    // Bits past the end, as a careless peer may send them.
    expect(new PieceSet(3, new Uint8Array([255, 255])).size).toBe(3);
  });
});

describe('a file of pieces', () => {
  async function prepare(): Promise<{ source: Buffer; file: PieceFile; directory: string }> {
    const path = await disk.model('model.gguf', 3, { layers: 6, embeddingLength: 128 });
    const model = await readGgufModel(path);
    const table = await buildPieceTable(model);
    const id = await modelFingerprint(model);
    const directory = disk.path('pieces');
    return {
      source: await readFile(path),
      directory,
      file: await PieceFile.create({ directory, id, clock: systemClock }, { name: 'model:Q8_0', table }),
    };
  }

  const pieceOf = (source: Buffer, file: PieceFile, piece: number): Uint8Array => {
    const { offset, length } = file.map.place(piece);
    return new Uint8Array(source.subarray(offset, offset + length));
  };

  it('takes right pieces in any order, refuses wrong ones, and ends as the plain file', async () => {
    const { source, file } = await prepare();
    expect(file.map.count).toBeGreaterThan(8);
    for (let piece = file.map.count - 1; piece >= 0; piece -= 1) {
      const bytes = pieceOf(source, file, piece);
      const wrong = bytes.slice();
      wrong[wrong.length >> 1] = (wrong[wrong.length >> 1] ?? 0) ^ 1;
      await expect(file.write(piece, wrong)).rejects.toMatchObject({ name: 'WrongPieceError' });
      await expect(file.write(piece, bytes.subarray(1))).rejects.toMatchObject({ name: 'WrongPieceError' });
      expect(file.present.has(piece)).toBe(false);
      await file.write(piece, bytes);
    }
    const [path = ''] = await file.publish(disk.path('own'));
    expect(path).toBe(disk.path('own/model-Q8_0.gguf'));
    expect((await readFile(path)).equals(source)).toBe(true);
    // No second copy.
    expect((await stat(path)).ino).toBe((await stat(file.paths[0] ?? '')).ino);
    await file.discard();
    expect((await readFile(path)).equals(source)).toBe(true);
  });

  it('does not take the place of another file when it is complete', async () => {
    const { source, file } = await prepare();
    for (let piece = 0; piece < file.map.count; piece += 1) await file.write(piece, pieceOf(source, file, piece));
    await disk.text('own/model-Q8_0.gguf', 'somebody else');
    const [path = ''] = await file.publish(disk.path('own'));
    expect(path).toBe(disk.path(`own/model-Q8_0-${file.id.slice(0, 8)}.gguf`));
    expect(await readFile(disk.path('own/model-Q8_0.gguf'), 'utf8')).toBe('somebody else');
    await file.close();
  });

  it('knows after a restart what was journalled, whatever the tail of the journal looks like', async () => {
    const { source, file, directory } = await prepare();
    for (const piece of [5, 0, 3]) await file.write(piece, pieceOf(source, file, piece));
    await file.close();
    const options = { directory, id: file.id, clock: systemClock };
    const journal = join(directory, 'journal');
    const intact = await readFile(journal);
    for (const [tail, present] of [
      [Buffer.alloc(0), [0, 3, 5]],
      [Buffer.from([1, 0, 0]), [0, 3, 5]],
      [Buffer.from([1, 0, 0, 0, 9, 9, 9, 9, 2, 0, 0, 0]), [0, 3, 5]],
      [Buffer.alloc(80), [0, 3, 5]],
    ] as const) {
      await writeFile(journal, intact);
      await appendFile(journal, tail);
      const resumed = await PieceFile.resume(options);
      expect([...(resumed?.present ?? [])]).toEqual(present);
      // What is appended after a torn tail is read again.
      await resumed?.write(1, pieceOf(source, file, 1));
      await resumed?.close();
      const again = await PieceFile.resume(options);
      expect([...(again?.present ?? [])]).toEqual([0, 1, 3, 5]);
      await again?.close();
    }
    await writeFile(journal, intact.subarray(0, intact.length - 3));
    const shorter = await PieceFile.resume(options);
    expect([...(shorter?.present ?? [])]).toEqual([0, 5]);
    await shorter?.close();
  });

  it('trusts no journal without its data, and no journal of another table', async () => {
    const { source, file, directory } = await prepare();
    await file.write(2, pieceOf(source, file, 2));
    await file.close();
    const options = { directory, id: file.id, clock: systemClock };
    await truncate(file.paths[0] ?? '', 1000);
    const cut = await PieceFile.resume(options);
    expect(cut?.present.size).toBe(0);
    await cut?.write(2, pieceOf(source, file, 2));
    await cut?.close();
    await copyFile(join(directory, 'journal'), disk.path('journal'));
    const journal = await readFile(disk.path('journal'));
    journal[9] = (journal[9] ?? 0) ^ 1;
    await writeFile(join(directory, 'journal'), journal);
    const other = await PieceFile.resume(options);
    expect(other?.present.size).toBe(0);
    await other?.close();
  });

  it('gives up a piece that was damaged on disk', async () => {
    const { source, file, directory } = await prepare();
    for (const piece of [0, 1]) await file.write(piece, pieceOf(source, file, piece));
    await file.flush();
    const path = file.paths[0] ?? '';
    const bytes = await readFile(path);
    bytes[70_000] = (bytes[70_000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await file.recheck(0)).toBe(true);
    expect(await file.recheck(1)).toBe(false);
    await file.close();
    const resumed = await PieceFile.resume({ directory, id: file.id, clock: systemClock });
    expect([...(resumed?.present ?? [])]).toEqual([0]);
    await resumed?.close();
  });
});

describe('the table of pieces', () => {
  it('is the same for copies under other names, and another for other bytes', async () => {
    const path = await disk.model('a.gguf', 1);
    const copy = disk.path('b.gguf');
    await copyFile(path, copy);
    const one = await buildPieceTable(await readGgufModel(path));
    expect(tableDigest(await buildPieceTable(await readGgufModel(copy)))).toBe(tableDigest(one));
    const bytes = await readFile(copy);
    bytes[bytes.length - 50] = (bytes[bytes.length - 50] ?? 0) ^ 1;
    await writeFile(copy, bytes);
    const other = await buildPieceTable(await readGgufModel(copy));
    expect(tableDigest(other)).not.toBe(tableDigest(one));
    expect(await isPiece(one, 0, new Uint8Array(bytes.subarray(0, one.pieceBytes)))).toBe(true);
  });

  it('can be stopped', async () => {
    const model = await readGgufModel(await disk.model('a.gguf', 1));
    const reason = new Error('enough');
    await expect(buildPieceTable(model, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
