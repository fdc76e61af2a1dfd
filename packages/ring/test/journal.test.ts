import { slot, type MemoryOperation, type Step } from '@pippa/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { JournalSettings, SpillFile } from '../src/index.ts';
import { Journal } from '../src/host/journal/journal.ts';

const ROW_BYTES = 8;
const A = slot(0);
const B = slot(1);

/** A file in memory. */
class MemoryFile implements SpillFile {
  bytes = new Uint8Array(0);
  closed = false;
  failing = false;

  async write(bytes: Uint8Array, at: number): Promise<void> {
    if (this.failing) throw new Error('disk full');
    const larger = new Uint8Array(Math.max(this.bytes.length, at + bytes.length));
    larger.set(this.bytes);
    larger.set(bytes, at);
    this.bytes = larger;
  }

  async read(target: Uint8Array, at: number): Promise<void> {
    target.set(this.bytes.subarray(at, at + target.length));
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

let journal: Journal;
afterEach(() => journal[Symbol.asyncDispose]());

function open(settings: Partial<JournalSettings> = {}): Journal {
  journal = new Journal(ROW_BYTES, { memoryBytes: 10_000, fileBytes: 0, ...settings });
  return journal;
}

/** Rows `[from, to)` of a slot; each row's first byte is its position, the second `salt`. */
function record(
  of: number,
  from: number,
  to: number,
  { memory = [], salt = of }: { memory?: MemoryOperation[]; salt?: number } = {},
): void {
  const count = to - from;
  const step: Step = {
    id: 1,
    epoch: 1,
    memory,
    samplers: [],
    slots: new Int32Array(count).fill(of),
    positions: Int32Array.from({ length: count }, (_, index) => from + index),
    tokens: new Int32Array(0),
    outputs: [],
  };
  const activations = new Uint8Array(count * ROW_BYTES);
  for (let index = 0; index < count; index += 1) activations.set([from + index, salt], index * ROW_BYTES);
  journal.record(step, activations);
}

async function read(of: number, to: number, maxRows = 7): Promise<number[][]> {
  const rows: number[][] = [];
  for await (const batch of journal.batches([[slot(of), 0, to]], maxRows)) {
    expect(batch.slots.length).toBeLessThanOrEqual(maxRows);
    for (const [index, position] of batch.positions.entries()) {
      expect(position).toBe(rows.length);
      rows.push([...batch.activations.subarray(index * ROW_BYTES, index * ROW_BYTES + 2)]);
    }
  }
  return rows;
}

const rowsOf = (salt: number, to: number): number[][] => Array.from({ length: to }, (_, position) => [position, salt]);

describe('a journal', () => {
  it('gives back what was sent on, slot by slot', async () => {
    open();
    record(A, 0, 20);
    record(B, 0, 5);
    record(A, 20, 21);
    expect(journal.lengths()).toEqual([
      [A, 21],
      [B, 5],
    ]);
    expect(await read(A, 21)).toEqual(rowsOf(0, 21));
    expect(await read(A, 4)).toEqual(rowsOf(0, 4));
    expect(await read(B, 99)).toEqual(rowsOf(1, 5));
  });

  it('follows what steps remove and copy', async () => {
    open();
    record(A, 0, 20);
    record(B, 10, 12, {
      memory: [
        { kind: 'copy', source: A, target: B, from: 0, to: 10 },
        { kind: 'remove', slot: A, from: 5, to: -1 },
      ],
    });
    expect(await read(A, 99)).toEqual(rowsOf(0, 5));
    expect(await read(B, 99)).toEqual([...rowsOf(0, 10), [10, 1], [11, 1]]);
  });

  it('takes rows that come again in place of those it has', async () => {
    open();
    record(A, 0, 10);
    record(A, 4, 6, { salt: 9 });
    expect(await read(A, 99)).toEqual([...rowsOf(0, 4), [4, 9], [5, 9]]);
  });

  it('ends where there was no room, and does not go on behind a gap', async () => {
    open({ memoryBytes: 10 * ROW_BYTES });
    record(A, 0, 15);
    record(B, 0, 1, { memory: [{ kind: 'remove', slot: A, from: 8, to: -1 }] });
    record(A, 15, 16);
    expect(journal.lengths()).toEqual([
      [A, 8],
      [B, 1],
    ]);
  });

  it('puts into the file what memory has no room for, and reads it back', async () => {
    const file = new MemoryFile();
    open({ memoryBytes: 16 * ROW_BYTES, fileBytes: 200 * ROW_BYTES, openFile: async () => file });
    for (let position = 0; position < 100; position += 1) {
      record(A, position, position + 1);
      record(B, position, position + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(file.bytes.length).toBeGreaterThan(150 * ROW_BYTES);
    expect(await read(A, 100)).toEqual(rowsOf(0, 100));
    expect(await read(B, 100)).toEqual(rowsOf(1, 100));
    // What is let go of makes room for others.
    record(A, 0, 1, { memory: [{ kind: 'remove', slot: B, from: 0, to: -1 }] });
    for (let position = 1; position < 90; position += 1) {
      record(A, position, position + 1, { salt: 3 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(file.bytes.length).toBeLessThanOrEqual(200 * ROW_BYTES);
    expect((await read(A, 99)).length).toBe(90);
    await journal[Symbol.asyncDispose]();
    expect(file.closed).toBe(true);
  });

  it('goes on in memory alone when the disk is full', async () => {
    const file = new MemoryFile();
    file.failing = true;
    open({ memoryBytes: 10 * ROW_BYTES, fileBytes: 200 * ROW_BYTES, openFile: async () => file });
    for (let position = 0; position < 20; position += 1) {
      record(A, position, position + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await read(A, 99)).toEqual(rowsOf(0, 10));
  });
});
