import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { MIB, type Clock } from '@pippa/core';
import { listen, MAX_OFFERED_ADDRESSES, reachableAddresses } from '@pippa/direct';
import { bulkKey, SECRET_BYTES, TOKEN_BYTES, type BulkAgreement } from './bulk-keys.ts';
import { HELLO_PIECE, RecordSealer } from './sealed-records.ts';

/** Connections that have not proven yet that they know a token. */
const MAX_STRANGERS = 32;
/** A connection says its token within so long, and a token is good for so long. */
export const TOKEN_MS = 10_000;
/** A peer tries all addresses at once; more connections for one token are refused. */
const MAX_TRIES = 16;

/** A connection to which sealed records may be written. */
export interface BulkConnection {
  /** Settles when more may be written. Rejects when the connection is gone. */
  write(piece: number, offset: number, payload: Uint8Array): Promise<void>;
  readonly isOpen: boolean;
  close(): void;
}

/** What the peer is told over the stream. */
export interface BulkOffer {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly token: Uint8Array;
  readonly secret: Uint8Array;
}

interface Expected {
  readonly agreement: BulkAgreement;
  readonly onConnected: (connection: BulkConnection) => void;
  tries: number;
  isTaken: boolean;
}

export interface BulkListenerOptions {
  readonly clock: Clock;
  /** Address to listen on: `::` for all. */
  readonly host: string;
  /** Addresses that peers may reach this node under; those of the interfaces when left out. */
  readonly addresses?: () => readonly string[];
}

/**
 * Takes direct connections of peers that were given a token over their authenticated stream. Listens from the first offer on. A
 * connection says token and nonce (32 bytes); gets a sealed hello; and is used once it has answered that with one byte.
 */
export class BulkListener {
  readonly #options: BulkListenerOptions;
  readonly #expected = new Map<string, Expected>();
  readonly #sockets = new Set<Socket>();
  #strangers = 0;
  #server: Promise<Server> | undefined;
  #isStopped = false;

  constructor(options: BulkListenerOptions) {
    this.#options = options;
  }

  /** Makes an offer to a peer. `onConnected` is called at most once. Throws when no port can be listened on. */
  async offer(
    agreed: Omit<BulkAgreement, 'serverSecret' | 'token'>,
    onConnected: (connection: BulkConnection) => void,
  ): Promise<BulkOffer> {
    const { clock, addresses = reachableAddresses } = this.#options;
    const server = await (this.#server ??= this.#listen());
    const token = new Uint8Array(randomBytes(TOKEN_BYTES));
    const secret = new Uint8Array(randomBytes(SECRET_BYTES));
    const key = Buffer.from(token).toString('hex');
    this.#expected.set(key, { agreement: { ...agreed, serverSecret: secret, token }, onConnected, tries: 0, isTaken: false });
    clock.schedule(TOKEN_MS, () => this.#expected.delete(key));
    return { port: (server.address() as AddressInfo).port, addresses: addresses().slice(0, MAX_OFFERED_ADDRESSES), token, secret };
  }

  stop(): void {
    this.#isStopped = true;
    this.#expected.clear();
    for (const socket of this.#sockets) socket.destroy();
    void this.#server?.then(
      (server) => server.close(),
      () => {},
    );
  }

  async #listen(): Promise<Server> {
    const server = createServer({ highWaterMark: MIB, noDelay: true }, (socket) => this.#accept(socket));
    await listen(server, this.#options.host);
    return server;
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#strangers >= MAX_STRANGERS || this.#isStopped) return void socket.destroy();
    this.#strangers += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    let isStranger = true;
    const stopWaiting = this.#options.clock.schedule(TOKEN_MS, () => socket.destroy());
    const known = (): void => {
      if (!isStranger) return;
      isStranger = false;
      this.#strangers -= 1;
      stopWaiting();
    };
    socket.on('close', known);
    let said = Buffer.alloc(0);
    let confirm: (() => void) | undefined;
    socket.on('data', (chunk: Buffer) => {
      said = Buffer.concat([said, chunk.subarray(0, 2 * TOKEN_BYTES + 1 - said.length)]);
      if (said.length >= 2 * TOKEN_BYTES && confirm === undefined) confirm = this.#greet(socket, said);
      if (said.length <= 2 * TOKEN_BYTES || confirm === undefined) return;
      known();
      confirm();
    });
  }

  /** Answers a token; returns what to do when the peer confirms. A wrong token ends the connection. */
  #greet(socket: Socket, said: Buffer): (() => void) | undefined {
    const expected = this.#expected.get(said.subarray(0, TOKEN_BYTES).toString('hex'));
    if (expected === undefined || expected.isTaken || expected.tries >= MAX_TRIES) {
      socket.destroy();
      return undefined;
    }
    expected.tries += 1;
    const nonce = new Uint8Array(said.subarray(TOKEN_BYTES, 2 * TOKEN_BYTES));
    const sealer = new RecordSealer(bulkKey(expected.agreement, nonce));
    for (const part of sealer.seal(HELLO_PIECE, 0, new Uint8Array(0))) socket.write(part);
    let isConfirmed = false;
    return () => {
      if (isConfirmed) return;
      isConfirmed = true;
      if (expected.isTaken) return void socket.destroy();
      expected.isTaken = true;
      expected.onConnected(new SocketConnection(socket, sealer));
    };
  }
}

class SocketConnection implements BulkConnection {
  readonly #socket: Socket;
  readonly #sealer: RecordSealer;

  constructor(socket: Socket, sealer: RecordSealer) {
    this.#socket = socket;
    this.#sealer = sealer;
  }

  get isOpen(): boolean {
    return this.#socket.writable && !this.#socket.destroyed;
  }

  async write(piece: number, offset: number, payload: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (!this.isOpen) throw new Error('The direct connection is gone.');
    socket.cork();
    for (const part of this.#sealer.seal(piece, offset, payload)) socket.write(part);
    socket.uncork();
    if (!socket.writableNeedDrain) return;
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        socket.off('drain', drained);
        socket.off('close', closed);
      };
      const drained = (): void => (done(), resolve());
      const closed = (): void => (done(), reject(new Error('The direct connection is gone.')));
      socket.on('drain', drained);
      socket.on('close', closed);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
