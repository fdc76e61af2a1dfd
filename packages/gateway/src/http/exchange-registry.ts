import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '@pippa/core';
import type { GatewayCounters } from '../counters.ts';
import { Exchange } from './exchange.ts';

/** What a client's own request id may look like; anything else is replaced. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** All requests under way, and which connection each belongs to. */
export class ExchangeRegistry {
  #clock: Clock;
  #counters: GatewayCounters;
  #open = new Set<Exchange>();
  #bySocket = new WeakMap<Socket, Set<Exchange>>();
  #idleWaiters: (() => void)[] = [];

  constructor(clock: Clock, counters: GatewayCounters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  open(incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean): Exchange {
    const given = incoming.headers['x-request-id'];
    const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`;
    const startedMs = this.#clock.nowMs();
    const exchange = new Exchange(incoming, outgoing, { id, startedMs, startedAtMs: this.#clock.wallMs(), expectsContinue });
    const siblings = this.#siblings(incoming.socket);
    siblings.add(exchange);
    this.#open.add(exchange);
    this.#counters.activeRequests++;
    this.#counters.requests++;
    // Writes to a lost connection fail through the signal; the event itself must only not be unhandled.
    outgoing.on('error', () => {});
    outgoing.once('close', () => exchange.close());
    exchange.onClose(() => {
      siblings.delete(exchange);
      this.#open.delete(exchange);
      this.#counters.activeRequests--;
      if (exchange.gone) this.#counters.disconnects++;
      if (this.#open.size > 0) return;
      for (const waiter of this.#idleWaiters.splice(0)) waiter();
    });
    return exchange;
  }

  /** Whether some answer on this connection has begun. */
  isAnswering(socket: Socket): boolean {
    return [...(this.#bySocket.get(socket) ?? [])].some((exchange) => exchange.outgoing.headersSent);
  }

  abortAll(reason: Error): void {
    for (const exchange of this.#open) exchange.abort(reason);
  }

  /** Settles when no request is under way. */
  whenIdle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /**
   * Requests that wait behind another on the same connection (pipelining) get no event of their own when it is lost, and a client
   * that ends its side must not keep its generation until the answer is written: so the socket itself is watched, once.
   */
  #siblings(socket: Socket): Set<Exchange> {
    const known = this.#bySocket.get(socket);
    if (known !== undefined) return known;
    const siblings = new Set<Exchange>();
    this.#bySocket.set(socket, siblings);
    const lost = (): void => {
      for (const exchange of siblings) exchange.close();
    };
    socket.once('end', lost);
    socket.once('close', lost);
    return siblings;
  }
}
