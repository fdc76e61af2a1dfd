import { createSocket, type Socket } from 'node:dgram';
import type { LocalAddress } from './interfaces.ts';

const GROUPS = { 4: '224.0.0.251', 6: 'ff02::fb' } as const;
const MAX_PACKET_BYTES = 9_000;

export interface ChannelEvents {
  onPacket(bytes: Uint8Array): void;
  onError(error: NodeJS.ErrnoException, local: LocalAddress): void;
}

/**
 * Multicast over one interface. A socket for each, because the choice of the outgoing interface belongs to the socket; and with the
 * choice made no multicast route is needed, without which the system would drop what is sent and not say so.
 */
export class MulticastChannel {
  readonly local: LocalAddress;
  readonly #socket: Socket;
  readonly #events: ChannelEvents;
  readonly #port: number;
  #open = false;
  #closed = false;

  constructor(local: LocalAddress, port: number, events: ChannelEvents) {
    this.local = local;
    this.#port = port;
    this.#events = events;
    this.#socket = createSocket({
      type: local.family === 6 ? 'udp6' : 'udp4',
      reuseAddr: true,
      ...(local.family === 6 ? { ipv6Only: true } : {}),
    });
    this.#socket.on('message', (bytes) => {
      if (bytes.length <= MAX_PACKET_BYTES) events.onPacket(bytes);
    });
    this.#socket.on('error', (error) => this.#fail(error));
  }

  /** Settles when it can be sent over; a failure goes to `onError`. */
  async open(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.once('error', () => resolve());
      this.#socket.bind({ port: this.#port, exclusive: false }, () => {
        try {
          const local = this.local.family === 6 ? `::%${this.local.name}` : this.local.address;
          this.#socket.addMembership(GROUPS[this.local.family], local);
          this.#socket.setMulticastInterface(local);
          this.#socket.setMulticastTTL(255);
          this.#socket.setMulticastLoopback(true);
          this.#open = true;
        } catch (error) {
          this.#fail(error as NodeJS.ErrnoException);
        }
        resolve();
      });
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.#open || this.#closed) return;
    this.#socket.send(bytes, this.#port, GROUPS[this.local.family], (error) => {
      if (error !== null) this.#fail(error);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (!this.#closed) this.#events.onError(error, this.local);
  }
}
