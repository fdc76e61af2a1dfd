import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A bare TCP client, for traffic that no HTTP library would send. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  /** Settles when the server has closed its side. */
  readonly closed: Promise<void>;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect(port, host);
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString();
    });
    // Resets are part of what these tests provoke.
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  async until(part: string): Promise<void> {
    while (!this.received.includes(part)) {
      if (this.socket.destroyed) throw new Error(`The connection closed without ${JSON.stringify(part)}: ${this.received}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1]);
  }
}

/** A POST with a JSON body, as bytes on the wire. */
export function postRequest(path: string, body: unknown): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}
