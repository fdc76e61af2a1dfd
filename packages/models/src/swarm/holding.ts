import type { ModelId, ModelManifest } from '@pippa/core';
import type { PieceMap } from '../pieces/piece-map.ts';
import type { PieceSet } from '../pieces/piece-set.ts';
import type { PieceTable } from '../pieces/piece-table.ts';

/** Pieces of a model that are here and can be given to others, opened for reading. */
export interface Holding {
  readonly digest: string;
  readonly map: PieceMap;
  has(piece: number): boolean;
  /** Bytes `[offset, offset + length)` of a piece; fewer at the piece's end; in `into` where that is given. */
  read(piece: number, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Where the piece lies. */
  place(piece: number): { readonly path: string; readonly offset: number; readonly length: number };
  /** Reads the piece again and gives it up when it has been damaged. */
  recheck(piece: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Which pieces of a model are here. `digest` is unknown while a whole model has not been hashed. */
export interface HeldPieces {
  readonly digest: string | undefined;
  /** Undefined: all. */
  readonly pieces: PieceSet | undefined;
  /** The table is of files that have the SHA-256 stated where they come from. */
  readonly isVerified: boolean;
}

/** What this node can give to others. Everything is undefined for a model of which nothing is here. */
export interface Holdings {
  manifest(id: ModelId): Promise<ModelManifest | undefined>;
  /** Where the model was got from, as `pull` takes it; undefined where nobody knows, too. */
  origin(id: ModelId): string | undefined;
  held(id: ModelId): Promise<HeldPieces | undefined>;
  /** A table, or the fraction 0 .. 1 of the hashing that the question has started. */
  table(id: ModelId): Promise<PieceTable | number | undefined>;
  open(id: ModelId): Promise<Holding | undefined>;
}
