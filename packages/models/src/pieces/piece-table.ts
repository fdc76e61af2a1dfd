import { createHash, timingSafeEqual, webcrypto } from 'node:crypto';
import { PieceMap } from './piece-map.ts';

export const HASH_BYTES = 32;

export interface TableFile {
  readonly byteLength: number;
  /** Everything before the first tensor: what a reader needs. */
  readonly headerBytes: number;
}

/** Hashes of all pieces of a model. Equal on every node that has the same files, whatever these are called. */
export interface PieceTable {
  readonly pieceBytes: number;
  readonly files: readonly TableFile[];
  /** SHA-256 of each piece, one after the other. */
  readonly hashes: Uint8Array;
}

/** One digest for all of it, 64 hexadecimal digits: two nodes that have it in common have the same pieces. */
export function tableDigest(table: PieceTable): string {
  const hash = createHash('sha256').update(`pippa pieces 1\n${table.pieceBytes} ${table.files.length}\n`);
  for (const file of table.files) hash.update(`${file.byteLength} ${file.headerBytes}\n`);
  return hash.update(table.hashes).digest('hex');
}

export function mapOf(table: PieceTable): PieceMap {
  return new PieceMap(
    table.files.map((file) => file.byteLength),
    table.pieceBytes,
  );
}

/** SHA-256 in the thread pool: the main thread copies the bytes and goes on. */
export async function hashPiece(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes));
}

/** Whether the bytes are those of the piece. */
export async function isPiece(table: PieceTable, piece: number, bytes: Uint8Array): Promise<boolean> {
  const wanted = table.hashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
  return wanted.length === HASH_BYTES && timingSafeEqual(wanted, await hashPiece(bytes));
}

/** The pieces that hold the headers of all files. */
export function headerPieces(table: PieceTable, map: PieceMap): number[] {
  return table.files.flatMap((file, index) => [...map.covering(index, 0, file.headerBytes)]);
}
