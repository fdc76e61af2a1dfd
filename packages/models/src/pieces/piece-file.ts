import { link, mkdir, open, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB, type Clock, type ModelId } from '@pippa/core';
import { WrongPieceError } from '../errors.ts';
import { readExactly } from './build-table.ts';
import { PieceJournal } from './piece-journal.ts';
import type { PieceMap } from './piece-map.ts';
import type { PieceSet } from './piece-set.ts';
import { pieceThreads } from './piece-threads.ts';
import { HASH_BYTES, isPiece, mapOf, tableDigest, type PieceTable } from './piece-table.ts';
import { readTableFile, syncFolder, writeTableFile } from './table-file.ts';

const TABLE_FILE = 'table.json';
const JOURNAL_FILE = 'journal';
/** Pieces that a crash may cost: so many bytes, or what came within so long. */
const UNSYNCED_BYTES = 64 * MIB;
const UNSYNCED_MS = 1000;

export interface PieceFileOptions {
  /** A folder of the model's own. */
  readonly directory: string;
  readonly id: ModelId;
  readonly clock: Clock;
  /** Bytes that may be written before they are synced and journalled; 64 MiB when left out. A crash costs at most these. */
  readonly unsyncedBytes?: number;
}

/** What a file of pieces is begun with. */
export interface ModelTable {
  readonly name: string;
  readonly table: PieceTable;
  readonly origin?: string;
}

/**
 * A model of which some pieces are there: sparse files of the full length, and a journal of the pieces that were verified. A piece is
 * written, then synced, then journalled and that synced, so that the journal never says too much, whenever the power fails. Files of a
 * model that is complete are plain GGUFs.
 */
export class PieceFile {
  readonly directory: string;
  readonly id: ModelId;
  readonly name: string;
  /** Where the model was got from, as `pull` takes it; undefined where nobody knows. */
  readonly origin: string | undefined;
  readonly table: PieceTable;
  readonly digest: string;
  readonly map: PieceMap;
  /** Verified pieces; those of the last moments may not be journalled yet. */
  readonly present: PieceSet;
  readonly paths: readonly string[];
  /** Wall-clock milliseconds of the last `touch`, over restarts. */
  usedMs: number;
  readonly #clock: Clock;
  readonly #mostUnsyncedBytes: number;
  readonly #handles: readonly FileHandle[];
  readonly #journal: PieceJournal;
  readonly #listeners = new Set<(piece: number) => void>();
  #unsynced: number[] = [];
  #unsyncedBytes = 0;
  #lastFlushMs: number;
  #flushing: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(
    options: PieceFileOptions,
    { name, origin, table }: ModelTable,
    opened: {
      readonly present: PieceSet;
      readonly journal: PieceJournal;
      readonly handles: readonly FileHandle[];
      readonly paths: readonly string[];
      readonly usedMs: number;
    },
  ) {
    this.directory = options.directory;
    this.id = options.id;
    this.name = name;
    this.origin = origin;
    this.table = table;
    this.digest = tableDigest(table);
    this.map = mapOf(table);
    this.present = opened.present;
    this.paths = opened.paths;
    this.usedMs = opened.usedMs;
    this.#clock = options.clock;
    this.#mostUnsyncedBytes = options.unsyncedBytes ?? UNSYNCED_BYTES;
    this.#handles = opened.handles;
    this.#journal = opened.journal;
    this.#lastFlushMs = options.clock.nowMs();
  }

  /** Goes on with what is in the folder; undefined when nothing usable is. */
  static async resume(options: PieceFileOptions): Promise<PieceFile | undefined> {
    const stored = await readTableFile(join(options.directory, TABLE_FILE));
    return stored === undefined ? undefined : PieceFile.#open(options, stored);
  }

  /** Begins with nothing; what was in the folder goes. */
  static async create(options: PieceFileOptions, model: ModelTable): Promise<PieceFile> {
    await rm(options.directory, { recursive: true, force: true });
    await mkdir(options.directory, { recursive: true });
    await writeTableFile(join(options.directory, TABLE_FILE), { ...model, stamps: [] });
    return PieceFile.#open(options, model);
  }

  static async #open(options: PieceFileOptions, model: ModelTable): Promise<PieceFile> {
    const { name, table } = model;
    const paths = fileNames(name, table.files.length).map((file) => join(options.directory, file));
    const journalPath = join(options.directory, JOURNAL_FILE);
    // Without its data a journal means nothing.
    for (const [index, path] of paths.entries())
      if ((await sizeOf(path)) !== table.files[index]?.byteLength) await rm(journalPath, { force: true });
    const { journal, present } = await PieceJournal.open(journalPath, tableDigest(table), mapOf(table).count);
    const handles: FileHandle[] = [];
    try {
      for (const [index, path] of paths.entries()) {
        // Made when it is not there, kept as it is otherwise.
        await (await open(path, 'a')).close();
        const handle = await open(path, 'r+');
        handles.push(handle);
        await handle.truncate(table.files[index]?.byteLength ?? 0);
      }
      await syncFolder(options.directory);
      const usedMs = (await stat(join(options.directory, TABLE_FILE))).mtimeMs;
      return new PieceFile(options, model, { present, journal, handles, paths, usedMs });
    } catch (error) {
      await Promise.allSettled([journal.close(), ...handles.map((handle) => handle.close())]);
      throw error;
    }
  }

  get presentBytes(): number {
    return this.present.isFull ? this.map.totalBytes : this.map.bytesOf(this.present);
  }

  /** Checks the piece and writes it. Throws `WrongPieceError`; nothing is written then. */
  async write(piece: number, bytes: Uint8Array): Promise<void> {
    await this.store(piece, bytes.slice());
  }

  /** Like `write`, with bytes that are given away: their buffer, of which they are the beginning, goes to a thread and comes back. */
  async store(piece: number, bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
    const { file, offset, length } = this.map.place(piece);
    const wrong = (): WrongPieceError => new WrongPieceError(`Piece ${piece} of ${this.name} is not what the table says.`);
    if (bytes.length !== length) throw wrong();
    if (this.present.has(piece)) return bytes.buffer;
    const hash = this.table.hashes.slice(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
    const { isRight, buffer } = await pieceThreads.store({ path: this.paths[file] as string, offset }, bytes, hash);
    if (!isRight) throw wrong();
    await this.stored(piece);
    return buffer;
  }

  /** The piece was checked and is written. Settles at once or, when it is time for that, when what was written is on disk. */
  async stored(piece: number): Promise<void> {
    // Two may have brought it.
    if (this.present.has(piece)) return;
    this.present.add(piece);
    for (const listener of this.#listeners) listener(piece);
    this.#unsynced.push(piece);
    this.#unsyncedBytes += this.map.place(piece).length;
    const isDue = this.#unsyncedBytes >= this.#mostUnsyncedBytes || this.#clock.nowMs() - this.#lastFlushMs >= UNSYNCED_MS;
    if (isDue) await this.flush();
  }

  /** Calls back with every piece that is checked and written. Returns how to stop that. */
  onStored(listener: (piece: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Somebody uses what is here: it is kept longer than what nobody does. */
  async touch(): Promise<void> {
    this.usedMs = this.#clock.wallMs();
    const seconds = this.usedMs / 1000;
    await utimes(join(this.directory, TABLE_FILE), seconds, seconds);
  }

  /** Settles when everything written so far is on disk and journalled. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      const pieces = this.#unsynced;
      if (pieces.length === 0) return;
      this.#unsynced = [];
      this.#unsyncedBytes = 0;
      this.#lastFlushMs = this.#clock.nowMs();
      for (const handle of this.#handles) await handle.datasync();
      await this.#journal.append(pieces);
    });
    return this.#flushing;
  }

  /** Bytes `[offset, offset + length)` of a piece that is there. */
  read(piece: number, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    const place = this.map.place(piece);
    const atMost = Math.min(length, place.length - offset);
    return readExactly(this.#handles[place.file] as FileHandle, place.offset + offset, atMost, into);
  }

  /** Bytes of a file; zeros where nothing has come yet. */
  readFile(file: number, offset: number, length: number): Promise<Uint8Array> {
    const atMost = (this.map.fileBytes[file] ?? 0) - offset;
    return readExactly(this.#handles[file] as FileHandle, offset, Math.max(0, Math.min(length, atMost)));
  }

  /** Reads the piece again; one that has been damaged on disk is given up. True when it is right. */
  async recheck(piece: number): Promise<boolean> {
    if (!this.present.has(piece)) return false;
    const { length } = this.map.place(piece);
    if (await isPiece(this.table, piece, await this.read(piece, 0, length))) return true;
    this.present.delete(piece);
    this.#flushing = this.flush().then(() => this.#journal.rewrite([...this.present]));
    await this.#flushing;
    return false;
  }

  /**
   * Gives a complete model a place among the agent's own files: under other names, without a copy. The folder of pieces stays until
   * `discard`, because stages may have its files open by name.
   */
  async publish(directory: string): Promise<readonly string[]> {
    if (!this.present.isFull) throw new RangeError(`${this.name} is not complete.`);
    await this.flush();
    await mkdir(directory, { recursive: true });
    const targets = (name: string): string[] => fileNames(name, this.paths.length).map((file) => join(directory, file));
    const isTaken = (await Promise.all(targets(this.name).map(sizeOf))).some((size) => size !== undefined);
    const chosen = targets(isTaken ? `${this.name}-${this.id.slice(0, 8)}` : this.name);
    for (const [index, path] of this.paths.entries()) {
      const target = chosen[index] as string;
      if ((await sizeOf(target)) !== undefined) continue;
      // A file system without hard links takes the name away instead.
      await link(path, target).catch(() => rename(path, target));
    }
    await syncFolder(directory);
    return chosen;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.flush().catch(() => {});
    for (const path of this.paths) pieceThreads.forget(path);
    await Promise.allSettled([this.#journal.close(), ...this.#handles.map((handle) => handle.close())]);
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** `Qwen3-8B:Q4_K_M` -> `Qwen3-8B-Q4_K_M.gguf`, or as many names as the model has files, in the way that split ones are named. */
export function fileNames(name: string, count: number): string[] {
  const stem =
    name
      .replaceAll(/[^\w.+-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 200) || 'model';
  if (count === 1) return [`${stem}.gguf`];
  const total = String(count).padStart(5, '0');
  return Array.from({ length: count }, (_, index) => `${stem}-${String(index + 1).padStart(5, '0')}-of-${total}.gguf`);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
