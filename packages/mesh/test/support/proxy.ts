import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A TCP way to a node that can be held up, as a Wi-Fi stall or a frozen process does, or cut. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Their other ends are gone, which they don't know yet. */
  readonly #widowed = new Set<Socket>();
  #held = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(address: string): Promise<Proxy> {
    const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1]);
    const server = createServer({ pauseOnConnect: true });
    const proxy = new Proxy(server);
    server.on('connection', (near) => {
      const far = connect(port, '127.0.0.1');
      proxy.#join(near, far);
      proxy.#join(far, near);
      if (!proxy.#held) near.resume();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get address(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') throw new Error('The proxy does not listen.');
    return `/ip4/127.0.0.1/tcp/${bound.port}`;
  }

  /** Nothing gets through any more, not even that the other side is gone. */
  hold(): void {
    this.#held = true;
    for (const socket of this.#sockets) socket.pause();
  }

  release(): void {
    this.#held = false;
    for (const socket of this.#widowed) socket.destroy();
    for (const socket of this.#sockets) socket.resume();
  }

  cut(): void {
    this.#held = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      to.write(chunk);
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      this.#widowed.delete(from);
      if (this.#held && !to.destroyed) this.#widowed.add(to);
      else to.destroy();
    });
    if (this.#held) from.pause();
  }
}
