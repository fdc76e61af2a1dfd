import { StoppedError, StreamLostError, type PippaError, workerFile } from '@pippa/core';
import { ProtocolError } from '@pippa/protocol';
import { SharedThreads, type SharedThread } from '../threads/shared-threads.ts';
import type { BulkAgreement } from './bulk-keys.ts';
import type { PieceOutcome, ReceiveTarget } from './piece-receiver.ts';

/** What a receiving thread is asked. */
export type ReceiveOrder =
  | {
      readonly kind: 'connect';
      readonly number: number;
      readonly agreement: BulkAgreement;
      readonly port: number;
      readonly addresses: readonly string[];
      readonly target: ReceiveTarget;
    }
  | { readonly kind: 'pause'; readonly number: number; readonly isPaused: boolean }
  | { readonly kind: 'close'; readonly number: number };

export type ReceiveReport =
  | { readonly kind: 'connected'; readonly number: number }
  /** No address leads to the peer. */
  | { readonly kind: 'failed'; readonly number: number }
  /** Since the last report of the kind. */
  | { readonly kind: 'bytes'; readonly number: number; readonly bytes: number }
  | { readonly kind: 'piece'; readonly number: number; readonly piece: number; readonly outcome: PieceOutcome }
  | { readonly kind: 'ended'; readonly number: number; readonly message: string; readonly isBreach: boolean };

export interface BulkEvents {
  onBytes(bytes: number): void;
  onPiece(piece: number, outcome: PieceOutcome): void;
  /** Called once, after `connect` has brought a connection. `breach`: what came was not sealed by the peer, or not asked for. */
  onEnd(reason: PippaError, breach: boolean): void;
}

/** A direct connection whose bytes a thread takes in, checks and writes. */
export interface BulkReceiver {
  pause(): void;
  resume(): void;
  close(): void;
}

/** A thread of its own for each of two peers: opening, hashing and writing together bring about 0.6 GB/s a core. */
const THREADS = 2;

interface Waiting {
  readonly events: BulkEvents;
  settle: ((isConnected: boolean) => void) | undefined;
}

type Receiving = SharedThread<ReceiveOrder, ReceiveReport, Waiting>;

class BulkReceivers {
  readonly #threads = new SharedThreads<ReceiveOrder, ReceiveReport, Waiting>({
    entry: workerFile('bulk-receive-worker', import.meta.url),
    most: THREADS,
    onReport: (report, shared) => this.#take(shared, report),
    onGone: (inHand) => {
      for (const { settle, events } of inHand) {
        if (settle === undefined) events.onEnd(new StoppedError('The thread of a direct connection has ended.'), false);
        else settle(false);
      }
    },
  });

  /** Starts a thread that will soon be needed. */
  warm(): void {
    this.#threads.warm();
  }

  /** Undefined when no address leads to the peer. */
  async connect(
    order: Omit<Extract<ReceiveOrder, { kind: 'connect' }>, 'kind' | 'number'>,
    events: BulkEvents,
  ): Promise<BulkReceiver | undefined> {
    const connecting = Promise.withResolvers<boolean>();
    const { number, shared } = this.#threads.take({ events, settle: connecting.resolve });
    const { thread } = shared;
    thread.post({ kind: 'connect', number, ...order });
    if (!(await connecting.promise)) {
      this.#threads.release(shared, number);
      return undefined;
    }
    return {
      pause: () => thread.post({ kind: 'pause', number, isPaused: true }),
      resume: () => thread.post({ kind: 'pause', number, isPaused: false }),
      close: () => {
        if (this.#threads.release(shared, number) !== undefined) thread.post({ kind: 'close', number });
      },
    };
  }

  #take(receiving: Receiving, report: ReceiveReport): void {
    const waiting = receiving.inHand.get(report.number);
    if (waiting === undefined) return;
    switch (report.kind) {
      case 'connected':
      case 'failed':
        waiting.settle?.(report.kind === 'connected');
        waiting.settle = undefined;
        break;
      case 'bytes':
        waiting.events.onBytes(report.bytes);
        break;
      case 'piece':
        waiting.events.onPiece(report.piece, report.outcome);
        break;
      case 'ended':
      default: {
        this.#threads.release(receiving, report.number);
        const { message, isBreach } = report;
        waiting.events.onEnd(isBreach ? new ProtocolError(message) : new StreamLostError(message), isBreach);
      }
    }
  }
}

/** Those of this process. */
export const bulkReceivers = new BulkReceivers();
