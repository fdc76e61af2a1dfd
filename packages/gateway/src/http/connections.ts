import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { GatewayCounters } from '../counters.ts';

/** Connections past the limit that are still accepted, to be told why they are refused; node drops the ones past that. */
const TOLD_SHARE = 1 / 8;

/** Counts the connections of all listeners and knows which ones are over the limit. */
export class ConnectionLimiter {
  #maxConnections: number;
  #counters: GatewayCounters;
  #overLimit = new WeakSet<Socket>();

  constructor(maxConnections: number, counters: GatewayCounters) {
    this.#maxConnections = maxConnections;
    this.#counters = counters;
  }

  /** `encrypted`: the sockets seen here are not those of the requests, so that one over the limit is closed without a word. */
  watch(server: Server, encrypted: boolean): void {
    server.maxConnections = Math.ceil(this.#maxConnections * (1 + TOLD_SHARE));
    server.on('drop', () => {
      this.#counters.refusedConnections++;
    });
    server.on('connection', (socket) => {
      this.#counters.openConnections++;
      if (this.#counters.openConnections > this.#maxConnections) {
        this.#counters.refusedConnections++;
        if (encrypted) socket.destroy();
        else this.#overLimit.add(socket);
      }
      socket.once('close', () => {
        this.#counters.openConnections--;
      });
    });
  }

  isOverLimit(socket: Socket): boolean {
    return this.#overLimit.has(socket);
  }
}
