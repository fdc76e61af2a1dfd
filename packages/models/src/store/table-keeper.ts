import { join } from 'node:path';
import { errorMessage, type Logger, type ModelId } from '@pippa/core';
import { readGgufModel } from '@pippa/gguf';
import { DamagedModelError } from '../errors.ts';
import { fileStamp, sameStamp, type FileStamp } from '../library/file-stamp.ts';
import type { LibraryModel } from '../library/library-entry.ts';
import { statedSha256 } from '../library/stated-hash.ts';
import { buildPieceTable } from '../pieces/build-table.ts';
import { hashFiles } from '../pieces/hash-files.ts';
import { tableDigest, type PieceTable } from '../pieces/piece-table.ts';
import { readTableFile, writeTableFile } from '../pieces/table-file.ts';

interface Kept {
  readonly stamps: readonly FileStamp[];
  readonly table: PieceTable;
  readonly digest: string;
  /** The files have the SHA-256 that was stated where they come from. */
  readonly isVerified: boolean;
}

interface Damaged {
  readonly stamps: readonly FileStamp[];
  readonly error: DamagedModelError;
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
  readonly #damaged = new Map<ModelId, Damaged>();
  readonly #onDamaged: () => void;
  #abort = new AbortController();

  /** `onDamaged`: another model has turned out to be damaged. */
  constructor(directory: string, logger: Logger, onDamaged: () => void) {
    this.#directory = directory;
    this.#logger = logger;
    this.#onDamaged = onDamaged;
  }

  /** What was found out of its files is not what was stated where they come from. */
  isDamaged(id: ModelId): boolean {
    return this.#damaged.has(id);
  }

  /** The table if it was made before. Throws `DamagedModelError`. */
  async peek(model: LibraryModel): Promise<Pick<Kept, 'table' | 'digest' | 'isVerified'> | undefined> {
    const stamps = await stampsOf(model.paths);
    const damaged = this.#damaged.get(model.id);
    if (damaged !== undefined && sameStamps(damaged.stamps, stamps)) throw damaged.error;
    this.#damaged.delete(model.id);
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
    const { signal } = this.#abort;
    const [table, isVerified] = await Promise.all([
      buildPieceTable(header, { onProgress, signal }),
      this.#verify(model, stamps, signal),
    ]);
    const kept = { stamps, table, digest: tableDigest(table), isVerified };
    this.#kept.set(model.id, kept);
    await writeTableFile(this.#path(model.id), { name: model.name, stamps, isVerified, table }).catch((error: unknown) => {
      this.#logger.debug({ error: errorMessage(error) }, 'a table of pieces cannot be kept');
    });
    return kept;
  }

  /** Compares the files with what was stated of them; false where nothing was. Throws `DamagedModelError`. */
  async #verify(model: LibraryModel, stamps: readonly FileStamp[], signal: AbortSignal): Promise<boolean> {
    const stated = await Promise.all(model.paths.map(statedSha256));
    const known = model.paths.filter((_, index) => stated[index] !== undefined);
    if (known.length === 0) return false;
    for (const [index, digest] of (await hashFiles(known, signal)).entries()) {
      const path = known[index] ?? '';
      const wanted = stated[model.paths.indexOf(path)] ?? '';
      if (digest === wanted) continue;
      const found = `${path} has the SHA-256 ${digest.slice(0, 12)}..., but ${wanted.slice(0, 12)}... was stated where it comes from.`;
      const error = new DamagedModelError(`The copy of ${model.name} on this node is damaged. ${found}`, {
        hint: `Delete it and get it again: pippa-agent rm ${model.name}, pippa-agent pull ${model.origin ?? model.name}.`,
      });
      this.#damaged.set(model.id, { stamps, error });
      this.#onDamaged();
      throw error;
    }
    return known.length === model.paths.length;
  }

  async #read(id: ModelId): Promise<Kept | undefined> {
    const stored = await readTableFile(this.#path(id));
    if (stored === undefined) return undefined;
    const { stamps, table, isVerified = false } = stored;
    return { stamps, table, digest: tableDigest(table), isVerified };
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
