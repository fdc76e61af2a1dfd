import { JOURNAL_MEMORY_BYTES, StageError } from '@pippa/core';
import type { SpillFile } from './spill-file.ts';

/** How much a journal may hold, and where it goes with what does not fit into memory. */
export interface JournalSettings {
  /** Most bytes of rows in memory; past half of it, the oldest go to a file. */
  readonly memoryBytes: number;
  /** Most bytes in the file; past it, rows are not journaled any more. */
  readonly fileBytes: number;
  /** Left out: nothing goes to a file. */
  readonly openFile?: () => Promise<SpillFile>;
}

export const DEFAULT_JOURNAL_SETTINGS: JournalSettings = { memoryBytes: JOURNAL_MEMORY_BYTES, fileBytes: 0 };

/** A row of hidden states, in memory or in the file. */
export interface StoredRow {
  /** Undefined once it is in the file alone. */
  bytes: Uint8Array | undefined;
  /** Its place in the file, in rows; -1: none. */
  place: number;
  /** Slots that have it; nobody's rows are forgotten. */
  holders: number;
}

/** Rows that are written with one call. */
const ROWS_PER_WRITE = 64;

/** Rows of one size within bounds: in memory, and past that in a file, oldest first. */
export class RowStore {
  readonly #rowBytes: number;
  readonly #settings: JournalSettings;
  /** Rows in memory, oldest first. */
  readonly #inMemory = new Set<StoredRow>();
  readonly #freePlaces: number[] = [];
  #places = 0;
  #file: Promise<SpillFile> | undefined;
  #spilling: Promise<void> | undefined;
  #fileFailed = false;
  #disposed = false;

  constructor(rowBytes: number, settings: JournalSettings) {
    this.#rowBytes = rowBytes;
    this.#settings = settings;
  }

  /** Bytes of rows in memory. */
  get memoryBytes(): number {
    return this.#inMemory.size * this.#rowBytes;
  }

  /** Keeps a copy of the row for one holder; undefined: there is no room. */
  add(bytes: Uint8Array): StoredRow | undefined {
    const { memoryBytes } = this.#settings;
    if (this.#disposed || this.memoryBytes + this.#rowBytes > memoryBytes) return undefined;
    const row: StoredRow = { bytes: bytes.slice(), place: -1, holders: 1 };
    this.#inMemory.add(row);
    // Early enough that what comes while the file is written still has room.
    if (this.memoryBytes > memoryBytes / 2 && this.#canSpill) this.#spilling ??= this.#spill();
    return row;
  }

  release(row: StoredRow): void {
    row.holders -= 1;
    if (row.holders > 0) return;
    this.#inMemory.delete(row);
    row.bytes = undefined;
    if (row.place >= 0) this.#freePlaces.push(row.place);
    row.place = -1;
  }

  /** The rows one after the other. Throws when the file cannot be read. */
  async read(rows: readonly StoredRow[]): Promise<Uint8Array<ArrayBuffer>> {
    const together = new Uint8Array(rows.length * this.#rowBytes);
    for (let index = 0; index < rows.length;) {
      const row = rows[index] as StoredRow;
      if (row.bytes !== undefined) {
        together.set(row.bytes, index * this.#rowBytes);
        index += 1;
        continue;
      }
      if (row.place < 0) throw new StageError('A row of the journal is gone.');
      // Rows that were written together mostly lie one behind the other.
      let end = index + 1;
      while (end < rows.length && rows[end]?.bytes === undefined && rows[end]?.place === row.place + end - index) end += 1;
      const file = await this.#file;
      const part = together.subarray(index * this.#rowBytes, end * this.#rowBytes);
      await file?.read(part, row.place * this.#rowBytes);
      index = end;
    }
    return together;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#inMemory.clear();
    await this.#spilling;
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }

  get #canSpill(): boolean {
    return this.#settings.openFile !== undefined && !this.#fileFailed && this.#placesLeft > 0;
  }

  get #placesLeft(): number {
    return this.#freePlaces.length + Math.floor(this.#settings.fileBytes / this.#rowBytes) - this.#places;
  }

  async #spill(): Promise<void> {
    try {
      const { openFile, memoryBytes } = this.#settings;
      while (this.#canSpill && openFile !== undefined && this.memoryBytes > memoryBytes / 4 && !this.#disposed) {
        const file = await (this.#file ??= openFile());
        await this.#write(file, this.#oldest(Math.min(ROWS_PER_WRITE, this.#placesLeft)));
      }
    } catch {
      // A full disk: the rows that are in memory stay there, others are not journaled; they can be computed again from their tokens.
      this.#fileFailed = true;
    } finally {
      this.#spilling = undefined;
    }
  }

  #oldest(count: number): StoredRow[] {
    const rows: StoredRow[] = [];
    for (const row of this.#inMemory) {
      if (rows.length === count) break;
      rows.push(row);
    }
    return rows;
  }

  async #write(file: SpillFile, rows: readonly StoredRow[]): Promise<void> {
    // Mostly one run of places at the end of the file, which is one write.
    let run: { row: StoredRow; place: number; bytes: Uint8Array }[] = [];
    const flush = async (): Promise<void> => {
      const [first] = run;
      if (first === undefined) return;
      const bytes = new Uint8Array(run.length * this.#rowBytes);
      for (const [index, each] of run.entries()) bytes.set(each.bytes, index * this.#rowBytes);
      await file.write(bytes, first.place * this.#rowBytes);
      for (const { row, place } of run) {
        this.#inMemory.delete(row);
        row.bytes = undefined;
        // Let go of meanwhile: the place is free again.
        if (row.holders === 0) this.#freePlaces.push(place);
        else row.place = place;
      }
      run = [];
    };
    for (const row of rows) {
      if (row.bytes === undefined) continue;
      const place = this.#freePlaces.pop() ?? this.#places;
      if (place === this.#places) this.#places += 1;
      if (run.length > 0 && place !== (run.at(-1)?.place ?? 0) + 1) await flush();
      run.push({ row, place, bytes: row.bytes });
    }
    await flush();
  }
}
