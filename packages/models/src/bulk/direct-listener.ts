import { StoppedError, StreamLostError, workerFile } from '@pippa/core';
import { MAX_OFFERED_ADDRESSES, reachableAddresses } from '@pippa/direct';
import { Thread } from '../threads/thread.ts';
import type { BulkAgreement } from './bulk-keys.ts';
import type { BulkOffer } from './bulk-listener.ts';

type Agreed = Omit<BulkAgreement, 'serverSecret' | 'token'>;

/** What the sending thread is asked. */
export type SendOrder =
  | { readonly kind: 'offer'; readonly number: number; readonly agreed: Agreed }
  | ({ readonly kind: 'send'; readonly number: number } & PieceRange)
  | { readonly kind: 'close'; readonly number: number };

export type SendReport =
  | { readonly kind: 'offered'; readonly number: number; readonly offer: BulkOffer }
  | { readonly kind: 'connected'; readonly number: number }
  | { readonly kind: 'sent'; readonly number: number; readonly bytes: number }
  | { readonly kind: 'failed'; readonly number: number; readonly message: string };

/** Bytes of a piece, and where they lie. */
export interface PieceRange {
  readonly path: string;
  /** In the file. */
  readonly position: number;
  readonly piece: number;
  /** In the piece. */
  readonly offset: number;
  readonly bytes: number;
}

/** A direct connection that a thread reads files for, seals and sends. */
export interface DirectConnection {
  readonly isOpen: boolean;
  /** Settles when the next range may be given. Rejects with `StreamLostError` when the connection is gone. */
  send(range: PieceRange): Promise<void>;
  close(): void;
}

export interface DirectListenerOptions {
  /** Address to listen on: `::` for all. */
  readonly host: string;
  /** Addresses that peers may reach this node under; those of the interfaces when left out. */
  readonly addresses?: () => readonly string[];
}

/** Ranges that the thread has at once: it begins with the next while the last one's end is told. */
const MOST_UNDER_WAY = 2;

/** Takes direct connections in a thread of their own, started with the first offer. */
export class DirectListener {
  readonly #options: DirectListenerOptions;
  readonly #connections = new Map<number, ThreadConnection>();
  #thread: Thread<SendOrder, SendReport> | undefined;
  #next = 0;

  constructor(options: DirectListenerOptions) {
    this.#options = options;
  }

  /** Starts the thread: an offer is likely to come. */
  warm(): void {
    this.#thread ??= this.#start();
  }

  /** Makes an offer to a peer. `onConnected` is called at most once. Throws when no port can be listened on. */
  async offer(agreed: Agreed, onConnected: (connection: DirectConnection) => void): Promise<BulkOffer> {
    const { addresses = reachableAddresses } = this.#options;
    const thread = (this.#thread ??= this.#start());
    this.#next += 1;
    const number = this.#next;
    const made = await new Promise<BulkOffer>((resolve, reject) => {
      const forget = (): void => void this.#connections.delete(number);
      this.#connections.set(number, new ThreadConnection(thread, number, { resolve, reject, onConnected, forget }));
      thread.post({ kind: 'offer', number, agreed });
    });
    return { ...made, addresses: addresses().slice(0, MAX_OFFERED_ADDRESSES) };
  }

  stop(): void {
    this.#thread?.stop();
    this.#thread = undefined;
  }

  #start(): Thread<SendOrder, SendReport> {
    const thread = new Thread<SendOrder, SendReport>(
      workerFile('bulk-send-worker', import.meta.url),
      {
        onReport: (report) => this.#connections.get(report.number)?.take(report),
        onGone: () => {
          if (this.#thread === thread) this.#thread = undefined;
          for (const connection of this.#connections.values()) connection.end();
        },
      },
      { host: this.#options.host },
    );
    return thread;
  }
}

interface OfferEvents {
  readonly resolve: (offer: BulkOffer) => void;
  readonly reject: (reason: unknown) => void;
  readonly onConnected: (connection: DirectConnection) => void;
  readonly forget: () => void;
}

class ThreadConnection implements DirectConnection {
  readonly #thread: Thread<SendOrder, SendReport>;
  readonly #number: number;
  readonly #events: OfferEvents;
  #isOpen = true;
  #underWay = 0;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(thread: Thread<SendOrder, SendReport>, number: number, events: OfferEvents) {
    this.#thread = thread;
    this.#number = number;
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async send(range: PieceRange): Promise<void> {
    if (!this.#isOpen) throw gone();
    this.#underWay += 1;
    this.#thread.post({ kind: 'send', number: this.#number, ...range });
    if (this.#underWay < MOST_UNDER_WAY) return;
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#thread.post({ kind: 'close', number: this.#number });
    this.end();
  }

  take(report: SendReport): void {
    switch (report.kind) {
      case 'offered':
        return this.#events.resolve(report.offer);
      case 'connected':
        return this.#events.onConnected(this);
      case 'sent':
        this.#underWay -= 1;
        this.#waiting?.resolve();
        this.#waiting = undefined;
        return undefined;
      case 'failed':
      default:
        this.#events.reject(new Error(report.message));
        return this.end();
    }
  }

  /** The thread has ended, or the connection. */
  end(): void {
    this.#isOpen = false;
    this.#events.reject(new StoppedError('The thread of direct connections has ended.'));
    this.#waiting?.promise.catch(() => {});
    this.#waiting?.reject(gone());
    this.#waiting = undefined;
    this.#events.forget();
  }
}

function gone(): StreamLostError {
  return new StreamLostError('The direct connection is gone.');
}
