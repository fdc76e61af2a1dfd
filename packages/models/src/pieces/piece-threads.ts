import { Worker } from 'node:worker_threads';
import { StoppedError, workerFile } from '@pippa/core';

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

/** Threads that hash and write, so that the main thread neither blocks nor copies. Started when first needed; they keep no process alive. */
class PieceThreads {
  readonly #workers: { readonly worker: Worker; readonly pending: Map<number, Pending> }[] = [];
  #next = 0;

  /** SHA-256 of bytes of a file. Rejects with what reading throws. */
  async digest(path: string, offset: number, length: number): Promise<Uint8Array> {
    const { digest } = await this.#ask((number) => ({ job: { kind: 'digest', number, path, offset, length }, move: [] }));
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
    for (const { worker } of this.#workers) worker.postMessage({ kind: 'forget', number: 0, path } satisfies PieceJob);
  }

  #ask(make: (number: number) => { readonly job: PieceJob; readonly move: readonly ArrayBuffer[] }): Promise<PieceOutcome> {
    const { worker, pending } = this.#leastBusy();
    this.#next += 1;
    const number = this.#next;
    return new Promise((resolve, reject) => {
      pending.set(number, { resolve, reject });
      // Work under way keeps the process; idle threads do not.
      worker.ref();
      const { job, move } = make(number);
      worker.postMessage(job, move);
    });
  }

  #leastBusy(): { readonly worker: Worker; readonly pending: Map<number, Pending> } {
    const idle = this.#workers.find(({ pending }) => pending.size === 0);
    if (idle !== undefined) return idle;
    if (this.#workers.length < THREADS) return this.#start();
    return this.#workers.reduce((least, each) => (each.pending.size < least.pending.size ? each : least));
  }

  #start(): { readonly worker: Worker; readonly pending: Map<number, Pending> } {
    const worker = new Worker(workerFile('piece-worker', import.meta.url), {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    const started = { worker, pending: new Map<number, Pending>() };
    worker.unref();
    worker.on('message', (outcome: PieceOutcome) => {
      const waiting = started.pending.get(outcome.number);
      started.pending.delete(outcome.number);
      if (started.pending.size === 0) worker.unref();
      if (outcome.error === undefined) waiting?.resolve(outcome);
      else waiting?.reject(outcome.error);
    });
    const gone = (reason: unknown): void => {
      const index = this.#workers.indexOf(started);
      if (index >= 0) this.#workers.splice(index, 1);
      for (const { reject } of started.pending.values()) reject(reason);
      started.pending.clear();
    };
    worker.on('error', gone);
    worker.on('exit', () => gone(new StoppedError('A thread that writes pieces has ended.')));
    this.#workers.push(started);
    return started;
  }
}

/** Those of this process. */
export const pieceThreads = new PieceThreads();
