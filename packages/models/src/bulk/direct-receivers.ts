import { StoppedError, StreamLostError, type PippaError, workerFile } from '@pippa/core';
import { ProtocolError } from '@pippa/protocol';
import { Thread } from '../threads/thread.ts';
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

export interface DirectEvents {
  onBytes(bytes: number): void;
  onPiece(piece: number, outcome: PieceOutcome): void;
  /** Called once, after `connect` has brought a connection. `breach`: what came was not sealed by the peer, or not asked for. */
  onEnd(reason: PippaError, breach: boolean): void;
}

/** A direct connection whose bytes a thread takes in, checks and writes. */
export interface DirectReceiver {
  pause(): void;
  resume(): void;
  close(): void;
}

/** A thread of its own for each of two peers: opening, hashing and writing together bring about 0.6 GB/s a core. */
const THREADS = 2;

interface Waiting {
  readonly events: DirectEvents;
  settle: ((isConnected: boolean) => void) | undefined;
}

interface Receiving {
  readonly thread: Thread<ReceiveOrder, ReceiveReport>;
  readonly connections: Map<number, Waiting>;
}

class DirectReceivers {
  readonly #threads: Receiving[] = [];
  #next = 0;

  /** Starts a thread that will soon be needed: that takes a tenth of a second and more. */
  warm(): void {
    if (this.#threads.length === 0) this.#start();
  }

  /** Undefined when no address leads to the peer. */
  async connect(
    order: Omit<Extract<ReceiveOrder, { kind: 'connect' }>, 'kind' | 'number'>,
    events: DirectEvents,
  ): Promise<DirectReceiver | undefined> {
    const receiving = this.#leastBusy();
    const { thread, connections } = receiving;
    this.#next += 1;
    const number = this.#next;
    const isConnected = await new Promise<boolean>((settle) => {
      connections.set(number, { events, settle });
      thread.hold(true);
      thread.post({ kind: 'connect', number, ...order });
    });
    if (!isConnected) {
      this.#forget(receiving, number);
      return undefined;
    }
    return {
      pause: () => thread.post({ kind: 'pause', number, isPaused: true }),
      resume: () => thread.post({ kind: 'pause', number, isPaused: false }),
      close: () => {
        if (this.#forget(receiving, number)) thread.post({ kind: 'close', number });
      },
    };
  }

  #forget({ thread, connections }: Receiving, number: number): boolean {
    const was = connections.delete(number);
    if (connections.size === 0) thread.hold(false);
    return was;
  }

  #leastBusy(): Receiving {
    const idle = this.#threads.find(({ connections }) => connections.size === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < THREADS) return this.#start();
    return this.#threads.reduce((least, each) => (each.connections.size < least.connections.size ? each : least));
  }

  #start(): Receiving {
    const receiving: Receiving = {
      connections: new Map(),
      thread: new Thread<ReceiveOrder, ReceiveReport>(workerFile('bulk-receive-worker', import.meta.url), {
        onReport: (report) => this.#take(receiving, report),
        onGone: () => {
          const index = this.#threads.indexOf(receiving);
          if (index >= 0) this.#threads.splice(index, 1);
          for (const { settle, events } of receiving.connections.values()) {
            if (settle === undefined) events.onEnd(new StoppedError('The thread of a direct connection has ended.'), false);
            else settle(false);
          }
          receiving.connections.clear();
        },
      }),
    };
    this.#threads.push(receiving);
    return receiving;
  }

  #take(receiving: Receiving, report: ReceiveReport): void {
    const waiting = receiving.connections.get(report.number);
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
        this.#forget(receiving, report.number);
        const { message, isBreach } = report;
        waiting.events.onEnd(isBreach ? new ProtocolError(message) : new StreamLostError(message), isBreach);
      }
    }
  }
}

/** Those of this process. */
export const directReceivers = new DirectReceivers();
