import { KIB, MIB } from '@pippa/core';

/**
 * 4 MiB: a model of 40 GB has 10,000 pieces, whose hashes take 320 KB and whose bitmap 1.3 KB; one travels in 4 ms at 1 GB/s and in
 * 40 ms over gigabit Ethernet, so a lost one costs little and a stage stores at most 4 MiB too much at each end of its layers.
 */
const LARGEST_PIECE_BYTES = 4 * MIB;
/** Small models (tests, demos) are cut finer, down to what a read from disk takes anyway. */
const SMALLEST_PIECE_BYTES = 64 * KIB;
const WANTED_PIECES = 256;

/** Piece size for a model of so many bytes: a function of the size alone, so that all nodes make the same table. */
export function pieceBytesFor(modelBytes: number): number {
  let pieceBytes = SMALLEST_PIECE_BYTES;
  while (pieceBytes < LARGEST_PIECE_BYTES && pieceBytes * 2 * WANTED_PIECES <= modelBytes) pieceBytes *= 2;
  return pieceBytes;
}

/** Where a piece lies. */
export interface PiecePlace {
  /** Index of the model's file. */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** Cuts the files of a model into numbered pieces. Every file begins with a new piece, so its last one may be short. */
export class PieceMap {
  readonly pieceBytes: number;
  readonly fileBytes: readonly number[];
  readonly count: number;
  readonly totalBytes: number;
  /** Number of each file's first piece. */
  readonly #first: readonly number[];

  constructor(fileBytes: readonly number[], pieceBytes: number) {
    this.fileBytes = fileBytes;
    this.pieceBytes = pieceBytes;
    const first: number[] = [];
    let count = 0;
    for (const bytes of fileBytes) {
      first.push(count);
      count += Math.ceil(bytes / pieceBytes);
    }
    this.#first = first;
    this.count = count;
    this.totalBytes = fileBytes.reduce((sum, bytes) => sum + bytes, 0);
  }

  place(piece: number): PiecePlace {
    const next = this.#first.findIndex((first) => first > piece);
    const file = (next === -1 ? this.#first.length : next) - 1;
    const bytes = this.fileBytes[file];
    const first = this.#first[file];
    if (!Number.isInteger(piece) || piece < 0 || piece >= this.count || bytes === undefined || first === undefined)
      throw new RangeError(`There is no piece ${piece} of ${this.count}.`);
    const offset = (piece - first) * this.pieceBytes;
    return { file, offset, length: Math.min(this.pieceBytes, bytes - offset) };
  }

  /** The pieces that hold bytes `[offset, offset + length)` of a file. */
  *covering(file: number, offset: number, length: number): Generator<number> {
    const first = this.#first[file];
    if (first === undefined || length <= 0) return;
    const last = Math.floor((offset + length - 1) / this.pieceBytes);
    for (let index = Math.floor(offset / this.pieceBytes); index <= last; index += 1) yield first + index;
  }

  bytesOf(pieces: Iterable<number>): number {
    let bytes = 0;
    for (const piece of pieces) bytes += this.place(piece).length;
    return bytes;
  }
}
