import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { ProtocolError } from '@pippa/protocol';
import { PieceMap } from '../pieces/piece-map.ts';
import { HASH_BYTES } from '../pieces/piece-table.ts';

/** What is with a piece, as whoever asks for it and the thread that takes it in both see it. */
export const ASKED = { no: 0, yes: 1, cancelled: 2 } as const;

/** Where pieces go, and what they have to be. */
export interface ReceiveTarget {
  readonly pieceBytes: number;
  readonly fileBytes: readonly number[];
  readonly paths: readonly string[];
  /** SHA-256 of each piece, one after the other. */
  readonly hashes: Uint8Array;
  /** A byte a piece, of `ASKED`. */
  readonly asked: Uint8Array<SharedArrayBuffer>;
}

/** `stored`: checked and written. `wrong`: not what the table says. `dropped`: another peer was faster. An error: of the disk. */
export type PieceOutcome = 'stored' | 'wrong' | 'dropped' | Error;

interface UnderWay {
  readonly piece: number;
  readonly file: number;
  readonly offset: number;
  readonly length: number;
  readonly hash: Hash;
  received: number;
}

/**
 * Gathers the pieces of one connection in one buffer, hashes them while they are in the processor's cache, and writes those that are
 * right. Blocks: it belongs into a thread.
 */
export class PieceReceiver {
  readonly #target: ReceiveTarget;
  readonly #map: PieceMap;
  readonly #onPiece: (piece: number, outcome: PieceOutcome) => void;
  readonly #buffer: Uint8Array;
  readonly #files = new Map<number, number>();
  #underWay: UnderWay | undefined;

  constructor(target: ReceiveTarget, onPiece: (piece: number, outcome: PieceOutcome) => void) {
    this.#target = target;
    this.#map = new PieceMap(target.fileBytes, target.pieceBytes);
    this.#onPiece = onPiece;
    this.#buffer = new Uint8Array(target.pieceBytes);
  }

  /** Throws `ProtocolError` for what no honest peer sends. */
  take(piece: number, offset: number, payload: Uint8Array): void {
    const underWay = (this.#underWay ??= this.#begin(piece));
    if (
      piece !== underWay.piece ||
      offset !== underWay.received ||
      payload.length === 0 ||
      offset + payload.length > underWay.length
    )
      throw new ProtocolError(`The peer sent bytes of piece ${piece} that do not follow the others.`);
    this.#buffer.set(payload, offset);
    underWay.hash.update(payload);
    underWay.received += payload.length;
    if (underWay.received < underWay.length) return;
    this.#underWay = undefined;
    this.#onPiece(piece, this.#finish(underWay));
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }

  #begin(piece: number): UnderWay {
    if (piece >= this.#map.count || Atomics.load(this.#target.asked, piece) === ASKED.no)
      throw new ProtocolError(`The peer sent piece ${piece}, which nobody asked for.`);
    return { piece, ...this.#map.place(piece), hash: createHash('sha256'), received: 0 };
  }

  #finish({ piece, file, offset, length, hash }: UnderWay): PieceOutcome {
    // Once only: whoever sends it again was not asked for that.
    if (Atomics.exchange(this.#target.asked, piece, ASKED.no) !== ASKED.yes) return 'dropped';
    const wanted = this.#target.hashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
    if (!hash.digest().equals(wanted)) return 'wrong';
    try {
      const opened = this.#open(file);
      for (let done = 0; done < length;) done += writeSync(opened, this.#buffer, done, length - done, offset + done);
      return 'stored';
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #open(file: number): number {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    const opened = openSync(this.#target.paths[file] ?? '', 'r+');
    this.#files.set(file, opened);
    return opened;
  }
}
