import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { MIB, StreamLostError, type Clock, type PippaError } from '@pippa/core';
import { MODELS_LIMITS, ProtocolError } from '@pippa/protocol';
import { bulkKey, TOKEN_BYTES, type BulkAgreement } from './bulk-keys.ts';
import { HELLO_PIECE, RecordOpener } from './sealed-records.ts';

/** All addresses are tried at once; the first that answers with the right key within this wins. */
const CONNECT_MS = 3000;
/** One system call takes in so much, without an allocation. */
const READ_BYTES = MIB;

export interface BulkReceiverEvents {
  onRecord(piece: number, offset: number, payload: Uint8Array): void;
  /** Called once. `breach`: what came was not sealed by the peer. */
  onEnd(reason: PippaError, breach: boolean): void;
}

/** A direct connection that records come in on. */
export interface BulkReceiver {
  pause(): void;
  resume(): void;
  close(): void;
}

export interface ConnectBulkOptions {
  readonly agreement: BulkAgreement;
  readonly port: number;
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly events: BulkReceiverEvents;
}

/** Undefined when no address leads to the peer: a firewall, or other networks. */
export async function connectBulk(options: ConnectBulkOptions): Promise<BulkReceiver | undefined> {
  const tries = options.addresses.map((address) => new Try(address, options));
  const cancel = options.clock.schedule(CONNECT_MS, () => {
    for (const each of tries) each.giveUp();
  });
  try {
    const winner = await Promise.any(tries.map((each) => each.greeted));
    for (const each of tries) if (each !== winner) each.giveUp();
    winner.use();
    return winner;
  } catch {
    return undefined;
  } finally {
    cancel();
  }
}

class Try implements BulkReceiver {
  readonly greeted: Promise<Try>;
  readonly #socket: Socket;
  readonly #events: BulkReceiverEvents;
  readonly #opener: RecordOpener;
  #settle: { readonly resolve: (value: Try) => void; readonly reject: (reason: unknown) => void } | undefined;
  #isPaused = false;
  #isUsed = false;
  #hasEnded = false;

  constructor(address: string, { agreement, port, events }: ConnectBulkOptions) {
    const nonce = new Uint8Array(randomBytes(TOKEN_BYTES));
    this.#events = events;
    this.greeted = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#opener = new RecordOpener(bulkKey(agreement, nonce), MODELS_LIMITS.chunkBytes, (piece, offset, payload) => {
      if (piece === HELLO_PIECE) this.#settle?.resolve(this);
      else if (this.#isUsed) this.#events.onRecord(piece, offset, payload);
      else throw new ProtocolError('A direct connection began with something else than a greeting.');
    });
    this.#socket = connect({
      host: address,
      port,
      noDelay: true,
      onread: { buffer: new Uint8Array(READ_BYTES), callback: (bytes, buffer) => this.#take(buffer.subarray(0, bytes)) },
    });
    this.#socket.on('connect', () => this.#socket.write(Buffer.concat([agreement.token, nonce])));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#end(new StreamLostError('The direct connection was closed.'), false));
  }

  /** Tells the peer that this is the connection to use. */
  use(): void {
    this.#isUsed = true;
    this.#socket.write(new Uint8Array([1]));
  }

  giveUp(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  close(): void {
    this.#hasEnded = true;
    this.#socket.destroy();
  }

  /** False makes the socket wait. */
  #take(chunk: Uint8Array): boolean {
    if (this.#hasEnded) return true;
    try {
      this.#opener.push(chunk);
    } catch (error) {
      this.#end(error as PippaError, true);
      this.#socket.destroy();
    }
    return !this.#isPaused;
  }

  #end(reason: PippaError, breach: boolean): void {
    this.#settle?.reject(reason);
    if (this.#hasEnded || !this.#isUsed) return;
    this.#hasEnded = true;
    this.#events.onEnd(reason, breach);
  }
}
