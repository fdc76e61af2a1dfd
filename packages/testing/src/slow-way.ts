import type { DirectOffer } from '@pippa/core';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a port of this machine on which nothing gets through before it is opened. */
export class SlowWay {
  /** Settles when the first connection is there, to its other end. */
  readonly entered: Promise<void>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOpen = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.entered = promise;
    server.on('connection', (near) => {
      const far = connect(port, '127.0.0.1');
      // Whoever listens there has taken it once the loop went around.
      far.once('connect', () => setImmediate(() => setImmediate(resolve)));
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
        if (this.#isOpen) from.pipe(to);
      }
      if (!this.#isOpen) this.#server.once('opened', () => void near.pipe(far).pipe(near));
    });
  }

  static async to(port: number): Promise<SlowWay> {
    const server = createServer();
    const way = new SlowWay(server, port);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return way;
  }

  /** The same offer, over this way. */
  instead(offer: DirectOffer): DirectOffer {
    return { ...offer, port: (this.#server.address() as AddressInfo).port, addresses: ['127.0.0.1'] };
  }

  open(): void {
    this.#isOpen = true;
    this.#server.emit('opened');
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
