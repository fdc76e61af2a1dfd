import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, modelId, type Clock, type Logger, type ModelId } from '@pippa/core';
import { PieceFile, type ModelTable, type PieceFileOptions } from '../pieces/piece-file.ts';

/** Models of which pieces are here: one folder each, named by id. */
export class PartialModels {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #unsyncedBytes: number | undefined;
  readonly #files = new Map<ModelId, PieceFile>();
  readonly #opening = new Map<ModelId, Promise<PieceFile>>();

  constructor(options: {
    readonly directory: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly unsyncedBytes: number | undefined;
  }) {
    this.#unsyncedBytes = options.unsyncedBytes;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  list(): readonly PieceFile[] {
    return [...this.#files.values()];
  }

  get(id: ModelId): PieceFile | undefined {
    return this.#files.get(id);
  }

  /** Opens what earlier runs left; what makes no sense is removed. */
  async load(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const name of await readdir(this.#directory)) {
      if (!/^[0-9a-f]{64}$/.test(name) || this.#files.has(modelId(name))) continue;
      const options = this.#optionsOf(modelId(name));
      try {
        const file = await PieceFile.resume(options);
        if (file !== undefined) this.#files.set(file.id, file);
        else await rm(options.directory, { recursive: true, force: true });
      } catch (error) {
        this.#logger.warn({ directory: options.directory, error: errorMessage(error) }, 'pieces of a model cannot be opened');
      }
    }
  }

  /** The model's file of pieces, begun with this table when there is none. */
  async open(id: ModelId, model: ModelTable): Promise<PieceFile> {
    const known = this.#files.get(id) ?? this.#opening.get(id);
    if (known !== undefined) return known;
    const opening = PieceFile.create(this.#optionsOf(id), model);
    this.#opening.set(id, opening);
    try {
      const file = await opening;
      this.#files.set(id, file);
      return file;
    } finally {
      this.#opening.delete(id);
    }
  }

  async discard(id: ModelId): Promise<void> {
    const file = this.#files.get(id);
    this.#files.delete(id);
    await file?.discard();
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#files.values()].map((file) => file.close()));
    this.#files.clear();
  }

  #optionsOf(id: ModelId): PieceFileOptions {
    const options = { directory: join(this.#directory, id), id, clock: this.#clock };
    return this.#unsyncedBytes === undefined ? options : { ...options, unsyncedBytes: this.#unsyncedBytes };
  }
}
