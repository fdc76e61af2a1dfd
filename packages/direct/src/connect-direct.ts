import { connect, type TLSSocket } from 'node:tls';
import { StreamLostError, type DirectOffer, type PippaError } from '@pippa/core';
import { withPrefix } from './frames.ts';
import { TLS_OPTIONS } from './secret.ts';

/** The saying end of a direct connection. */
export interface DirectSender {
  /** Frames leave in order. Nothing is said about one that does not arrive: `closed` tells that the connection is gone. */
  send(frame: Uint8Array): void;
  /** The system has taken all that was sent. */
  readonly isIdle: boolean;
  /** Settles once: with why the connection is gone, or undefined when this side closed it. */
  readonly closed: Promise<PippaError | undefined>;
  /** What was sent still goes out. */
  close(): void;
}

/**
 * Connects to whoever made the offer. All addresses are tried at once; the first that proves the key wins. Undefined when none did within
 * `timeoutMs`: a firewall, or other networks.
 */
export async function connectDirect(offer: DirectOffer, timeoutMs: number): Promise<DirectSender | undefined> {
  const tries = offer.addresses.map((host) => attempt(host, offer));
  const timer = setTimeout(() => {
    for (const { socket } of tries) socket.destroy();
  }, timeoutMs);
  try {
    const winner = await Promise.any(tries.map(({ ready }) => ready));
    for (const { socket } of tries) if (socket !== winner) socket.destroy();
    return new Sender(winner);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function attempt(host: string, { port, identity, key }: DirectOffer): { socket: TLSSocket; ready: Promise<TLSSocket> } {
  const socket = connect({
    ...TLS_OPTIONS,
    host,
    port,
    pskCallback: () => ({ psk: key, identity }),
    // There are no certificates: the key is the proof.
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  const ready = new Promise<TLSSocket>((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('close', () => reject(new StreamLostError(`${host} does not take the connection.`)));
  });
  socket.on('error', () => {});
  return { socket, ready };
}

class Sender implements DirectSender {
  readonly closed: Promise<PippaError | undefined>;
  readonly #socket: TLSSocket;
  #isClosing = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      const end = (): void => resolve(this.#isClosing ? undefined : new StreamLostError('The direct connection was lost.'));
      if (socket.destroyed) end();
      socket.once('close', end);
    });
    // The other side says nothing, but only a stream that flows tells its end.
    socket.resume();
    // The other side takes the connection that says something.
    this.send(new Uint8Array(0));
  }

  get isIdle(): boolean {
    return this.#socket.writableLength === 0;
  }

  send(frame: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(withPrefix(frame));
  }

  close(): void {
    this.#isClosing = true;
    this.#socket.end();
    // Whoever does not hang up in turn must not keep the socket.
    this.#socket.destroySoon();
  }
}
