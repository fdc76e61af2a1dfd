import { open, type FileHandle } from 'node:fs/promises';
import type { ModelId, ModelManifest } from '@pippa/core';
import { manifestOf, readGgufModelFrom, type GgufModel } from '@pippa/gguf';
import type { Library } from '../library/library.ts';
import type { LibraryModel } from '../library/library-entry.ts';
import { readExactly } from '../pieces/build-table.ts';
import { fileSource } from './file-source.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import type { PieceMap } from '../pieces/piece-map.ts';
import { headerPieces, isPiece, mapOf, tableDigest, type PieceTable } from '../pieces/piece-table.ts';
import type { HeldPieces, Holding, Holdings } from '../swarm/holding.ts';
import type { PartialModels } from './partial-models.ts';
import type { TableKeeper } from './table-keeper.ts';

/** What this node's disk holds: whole models of the library, and pieces. */
export class LocalHoldings implements Holdings {
  readonly #library: Library;
  readonly #partial: PartialModels;
  readonly #tables: TableKeeper;

  constructor(library: Library, partial: PartialModels, tables: TableKeeper) {
    this.#library = library;
    this.#partial = partial;
    this.#tables = tables;
  }

  async manifest(id: ModelId): Promise<ModelManifest | undefined> {
    const whole = this.#library.byId(id);
    if (whole !== undefined) return whole.manifest;
    const file = this.#partial.get(id);
    const model = file === undefined ? undefined : await partialHeader(file);
    return file === undefined || model === undefined ? undefined : manifestOf(model, { id, name: file.name });
  }

  origin(id: ModelId): string | undefined {
    return this.#library.byId(id)?.origin ?? this.#partial.get(id)?.origin;
  }

  async held(id: ModelId): Promise<HeldPieces | undefined> {
    const whole = this.#library.byId(id);
    if (whole !== undefined) {
      const kept = await this.#tables.peek(whole);
      return { digest: kept?.digest, pieces: undefined, isVerified: kept?.isVerified ?? false };
    }
    const file = this.#partial.get(id);
    return file === undefined ? undefined : { digest: file.digest, pieces: file.present, isVerified: false };
  }

  async table(id: ModelId): Promise<PieceTable | number | undefined> {
    const whole = this.#library.byId(id);
    if (whole !== undefined) return (await this.#tables.peek(whole))?.table ?? this.#tables.begin(whole);
    return this.#partial.get(id)?.table;
  }

  async open(id: ModelId): Promise<Holding | undefined> {
    const whole = this.#library.byId(id);
    if (whole !== undefined) return openWhole(whole, await this.#tables.table(whole));
    const file = this.#partial.get(id);
    return file === undefined ? undefined : partialHolding(file);
  }
}

/** The header of a model of which pieces are here; undefined while it is not all here. */
export async function partialHeader(file: PieceFile): Promise<GgufModel | undefined> {
  if (!headerPieces(file.table, file.map).every((piece) => file.present.has(piece))) return undefined;
  return readPartialModel(file);
}

/** The same of a model whose header is known to be here. */
export async function readPartialModel(file: PieceFile): Promise<GgufModel> {
  const parts = file.paths.map((path, index) => ({ path, source: fileSource(file, index) }));
  return readGgufModelFrom(parts);
}

function partialHolding(file: PieceFile): Holding {
  return {
    digest: file.digest,
    map: file.map,
    has: (piece) => file.present.has(piece),
    read: (piece, offset, length, into) => file.read(piece, offset, length, into),
    place: (piece) => placeAmong(file.paths, file.map, piece),
    recheck: (piece) => file.recheck(piece),
    // The file stays open for others.
    close: async () => {},
  };
}

function placeAmong(paths: readonly string[], map: PieceMap, piece: number): ReturnType<Holding['place']> {
  const { file, offset, length } = map.place(piece);
  return { path: paths[file] ?? '', offset, length };
}

async function openWhole(model: LibraryModel, table: PieceTable): Promise<Holding> {
  const handles: FileHandle[] = [];
  const close = async (): Promise<void> => void (await Promise.allSettled(handles.map((handle) => handle.close())));
  try {
    for (const path of model.paths) handles.push(await open(path, 'r'));
  } catch (error) {
    await close();
    throw error;
  }
  const map = mapOf(table);
  /** Damaged on disk since it was hashed. */
  const damaged = new Set<number>();
  const read = (piece: number, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> => {
    const place = map.place(piece);
    const atMost = Math.min(length, place.length - offset);
    return readExactly(handles[place.file] as FileHandle, place.offset + offset, atMost, into);
  };
  return {
    digest: tableDigest(table),
    map,
    has: (piece) => piece < map.count && !damaged.has(piece),
    read,
    place: (piece) => placeAmong(model.paths, map, piece),
    async recheck(piece) {
      const isRight = await isPiece(table, piece, await read(piece, 0, map.pieceBytes));
      if (!isRight) damaged.add(piece);
      return isRight;
    },
    close,
  };
}
