import { join } from 'node:path';
import { errorMessage, type Logger, type ModelId } from '@pippa/core';
import { readGgufModel } from '@pippa/gguf';
import { fileStamp, sameStamp, type FileStamp } from '../library/file-stamp.ts';
import type { LibraryModel } from '../library/library-entry.ts';
import { buildPieceTable } from '../pieces/build-table.ts';
import { tableDigest, type PieceTable } from '../pieces/piece-table.ts';
import { readTableFile, writeTableFile } from '../pieces/table-file.ts';

interface Kept {
  readonly stamps: readonly FileStamp[];
  readonly table: PieceTable;
  readonly digest: string;
}

interface Hashing {
  readonly done: Promise<Kept>;
  fraction: number;
}

/** Tables of the models that lie here whole: made when somebody first asks, kept as long as the files stay the same. */
export class TableKeeper {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #kept = new Map<ModelId, Kept>();
  readonly #hashing = new Map<ModelId, Hashing>();
  #abort = new AbortController();

  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** The table if it was made before. */
  async peek(model: LibraryModel): Promise<{ readonly table: PieceTable; readonly digest: string } | undefined> {
    const stamps = await stampsOf(model.paths);
    const kept = this.#kept.get(model.id) ?? (await this.#read(model.id));
    if (kept === undefined || !sameStamps(kept.stamps, stamps)) return undefined;
    this.#kept.set(model.id, kept);
    return kept;
  }

  /** How far the hashing is, 0 .. 1; begins it. Ask `peek` first. */
  begin(model: LibraryModel): number {
    return this.#start(model).fraction;
  }

  /** Makes the table if there is none. */
  async table(model: LibraryModel): Promise<PieceTable> {
    return ((await this.peek(model)) ?? (await this.#start(model).done)).table;
  }

  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  #start(model: LibraryModel): Hashing {
    const running = this.#hashing.get(model.id);
    if (running !== undefined) return running;
    const hashing: Hashing = { fraction: 0, done: this.#hash(model, (fraction) => (hashing.fraction = fraction)) };
    this.#hashing.set(model.id, hashing);
    hashing.done
      .catch((error: unknown) => this.#logger.warn({ model: model.name, error: errorMessage(error) }, 'a model cannot be hashed'))
      .finally(() => this.#hashing.delete(model.id));
    return hashing;
  }

  async #hash(model: LibraryModel, onProgress: (fraction: number) => void): Promise<Kept> {
    const stamps = await stampsOf(model.paths);
    const header = await readGgufModel(model.paths[0] ?? '');
    const table = await buildPieceTable(header, { onProgress, signal: this.#abort.signal });
    const kept = { stamps, table, digest: tableDigest(table) };
    this.#kept.set(model.id, kept);
    await writeTableFile(this.#path(model.id), { name: model.name, stamps, table }).catch((error: unknown) => {
      this.#logger.debug({ error: errorMessage(error) }, 'a table of pieces cannot be kept');
    });
    return kept;
  }

  async #read(id: ModelId): Promise<Kept | undefined> {
    const stored = await readTableFile(this.#path(id));
    return stored === undefined ? undefined : { stamps: stored.stamps, table: stored.table, digest: tableDigest(stored.table) };
  }

  #path(id: ModelId): string {
    return join(this.#directory, `${id}.json`);
  }
}

async function stampsOf(paths: readonly string[]): Promise<FileStamp[]> {
  const stamps = await Promise.all(paths.map(fileStamp));
  return stamps.filter((stamp) => stamp !== undefined);
}

function sameStamps(a: readonly FileStamp[], b: readonly FileStamp[]): boolean {
  return a.length > 0 && a.length === b.length && a.every((stamp, index) => sameStamp(stamp, b[index]));
}
