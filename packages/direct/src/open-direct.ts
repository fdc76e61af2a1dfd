import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { PippaError, StreamLostError, type DirectDoor, type DirectReceiver } from '@pippa/core';
import { FrameAssembler } from './frames.ts';
import { listen } from './listen.ts';
import { reachableAddresses } from './reachable-addresses.ts';
import { IDENTITY_BYTES, KEY_BYTES, TLS_OPTIONS } from './secret.ts';

/** Connections that may be open at once while one peer is awaited: it tries all addresses together. */
const MAX_CONNECTIONS = 32;
/** A stranger who says nothing is dropped after it. */
const HANDSHAKE_MS = 5000;

/**
 * Listens for one peer on all interfaces. The first connection that proves the key and says a frame is the one; the listening port is
 * closed then. See `DirectDoor.open`.
 */
export const openDirect: DirectDoor['open'] = async ({ maxFrameBytes, onFrame }) => {
  const identity = randomBytes(IDENTITY_BYTES).toString('hex');
  const key = new Uint8Array(randomBytes(KEY_BYTES));
  const server = createServer({
    ...TLS_OPTIONS,
    pskCallback: (_socket, told) => (told === identity ? key : null),
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  const receiver = new Receiver(server, maxFrameBytes, onFrame);
  await listen(server, '::');
  const { port } = server.address() as AddressInfo;
  return Object.assign(receiver, { offer: { port, addresses: reachableAddresses(), identity, key } });
};

class Receiver implements Omit<DirectReceiver, 'offer'> {
  readonly closed: Promise<PippaError | undefined>;
  #settle: (reason: PippaError | undefined) => void = () => {};
  readonly #server: Server;
  readonly #candidates = new Set<TLSSocket>();
  /** Nobody is awaited any more; a handshake may still be under way. */
  #isShut = false;

  constructor(server: Server, maxFrameBytes: number, onFrame: (frame: Uint8Array<ArrayBuffer>) => void) {
    this.#server = server;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    server.on('secureConnection', (socket) => {
      socket.on('error', () => {});
      if (this.#isShut) {
        socket.destroy();
        return;
      }
      this.#candidates.add(socket);
      let isUsed = false;
      const assembler = new FrameAssembler(maxFrameBytes, (frame) => {
        // The empty one says that this is the connection.
        if (frame.length > 0) onFrame(frame);
      });
      socket.setNoDelay(true);
      socket.on('data', (chunk) => {
        if (!isUsed) this.#choose(socket);
        isUsed = true;
        try {
          assembler.push(chunk);
        } catch (error) {
          this.#end(error instanceof PippaError ? error : new StreamLostError('A frame could not be taken.', { cause: error }));
        }
      });
      socket.on('close', () => {
        this.#candidates.delete(socket);
        if (isUsed) this.#end(new StreamLostError('The direct connection was lost.'));
      });
    });
    // What fails before the key is proven is a stranger's business.
    server.on('tlsClientError', () => {});
  }

  close(): void {
    this.#end(undefined);
  }

  #choose(chosen: TLSSocket): void {
    this.#isShut = true;
    this.#server.close();
    for (const socket of this.#candidates) if (socket !== chosen) socket.destroy();
  }

  #end(reason: PippaError | undefined): void {
    this.#settle(reason);
    this.#isShut = true;
    this.#server.close();
    for (const socket of this.#candidates) socket.destroy();
  }
}
