import { workerFile } from '@pippa/core';
import { SharedThreads } from '../threads/shared-threads.ts';

/** What a thread is asked. A buffer goes over to it and comes back with the outcome. */
export type PieceJob =
  | { readonly kind: 'digest'; readonly number: number; readonly path: string; readonly offset: number; readonly length: number }
  | {
      readonly kind: 'store';
      readonly number: number;
      readonly path: string;
      readonly offset: number;
      readonly buffer: ArrayBuffer;
      readonly length: number;
      readonly hash: Uint8Array;
    }
  /** The file was closed or removed: the thread closes it too. */
  | { readonly kind: 'forget'; readonly number: number; readonly path: string };

export interface PieceOutcome {
  readonly number: number;
  readonly digest?: Uint8Array;
  readonly isRight?: boolean;
  readonly buffer?: ArrayBuffer;
  readonly error?: Error;
}

/** Two keep up with the fastest links that there are between machines (SHA-256 with 1.7 GB/s each), and leave the cores to inference. */
const THREADS = 2;

interface Pending {
  readonly resolve: (outcome: PieceOutcome) => void;
  readonly reject: (reason: unknown) => void;
}

/** Threads that hash and write, so that the main thread neither blocks nor copies. */
class PieceThreads {
  readonly #threads = new SharedThreads<PieceJob, PieceOutcome, Pending>({
    entry: workerFile('piece-worker', import.meta.url),
    most: THREADS,
    onReport: (outcome, shared) => {
      const pending = this.#threads.release(shared, outcome.number);
      if (outcome.error === undefined) pending?.resolve(outcome);
      else pending?.reject(outcome.error);
    },
    onGone: (inHand, reason) => {
      for (const { reject } of inHand) reject(reason);
    },
  });

  /** SHA-256 of bytes of a file. Rejects with what reading throws. */
  async digest(path: string, offset: number, length: number): Promise<Uint8Array> {
    const { digest } = await this.#ask((number) => ({ job: { kind: 'digest', number, path, offset, length } }));
    if (digest === undefined) throw new TypeError('A thread gave no digest.');
    return digest;
  }

  /** Writes bytes that have the hash to their place in a file. The bytes' buffer is gone meanwhile and comes back with the outcome. */
  async store(
    place: { readonly path: string; readonly offset: number },
    bytes: Uint8Array<ArrayBuffer>,
    hash: Uint8Array,
  ): Promise<{ isRight: boolean; buffer: ArrayBuffer }> {
    const { buffer, length, byteOffset } = bytes;
    if (byteOffset !== 0) throw new RangeError('Bytes of a piece begin where their buffer does.');
    const outcome = await this.#ask((number) => ({
      job: { kind: 'store', number, ...place, buffer, length, hash },
      move: [buffer],
    }));
    return { isRight: outcome.isRight === true, buffer: outcome.buffer ?? new ArrayBuffer(0) };
  }

  forget(path: string): void {
    this.#threads.tellAll({ kind: 'forget', number: 0, path });
  }

  #ask(make: (number: number) => { readonly job: PieceJob; readonly move?: readonly ArrayBuffer[] }): Promise<PieceOutcome> {
    return new Promise((resolve, reject) => {
      const { number, shared } = this.#threads.take({ resolve, reject });
      const { job, move = [] } = make(number);
      shared.thread.post(job, move);
    });
  }
}

/** Those of this process. */
export const pieceThreads = new PieceThreads();
