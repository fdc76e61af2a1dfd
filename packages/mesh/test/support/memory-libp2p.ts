import type { Connection, Stream } from '@libp2p/interface';
import type { Uint8ArrayList } from 'uint8arraylist';

/** One end of a libp2p stream without a network: what it is fed arrives, what it sends is kept. */
class FedStream extends EventTarget {
  status = 'open';
  readStatus = 'readable';
  readonly writeBufferLength = 0;
  readonly writableNeedsDrain = false;
  readonly sent: Uint8Array[] = [];
  #waiting: Uint8Array[] = [];

  feed(bytes: Uint8Array): void {
    if (this.status !== 'open') return;
    if (this.readStatus === 'paused') this.#waiting.push(bytes);
    else this.dispatchEvent(Object.assign(new Event('message'), { data: bytes }));
  }

  /** The other side says no more. */
  finish(): void {
    if (this.status === 'open') this.dispatchEvent(new Event('remoteCloseWrite'));
  }

  send(data: Uint8ArrayList): boolean {
    this.sent.push(data.subarray());
    return true;
  }

  pause(): void {
    this.readStatus = 'paused';
  }

  resume(): void {
    this.readStatus = 'readable';
    for (const bytes of this.#waiting.splice(0)) this.feed(bytes);
  }

  abort(error: Error): void {
    this.#end(error);
  }

  async close(): Promise<void> {
    this.#end(undefined);
  }

  #end(error: Error | undefined): void {
    if (this.status !== 'open') return;
    this.status = 'closed';
    this.dispatchEvent(Object.assign(new Event('close'), { error }));
  }
}

class FedConnection extends EventTarget {
  status = 'open';
  readonly direction = 'inbound';
  readonly streams = [];
  readonly remotePeer: { toString(): string };
  reason: Error | undefined;

  constructor(peer: string) {
    super();
    this.remotePeer = { toString: () => peer };
  }

  abort(reason: Error): void {
    if (this.status !== 'open') return;
    this.status = 'aborted';
    this.reason = reason;
    this.dispatchEvent(new Event('close'));
  }
}

export interface Fed {
  readonly stream: Stream;
  readonly connection: Connection;
  /** What was sent to the other side. */
  readonly sent: readonly Uint8Array[];
  /** Bytes from the other side. */
  feed(bytes: Uint8Array): void;
  finish(): void;
  /** Why the connection was ended; undefined while it is open. */
  readonly reason: Error | undefined;
}

/** A connection of `peer` with one stream, as far as admission makes use of them. */
export function fedConnection(peer: string): Fed {
  const stream = new FedStream();
  const connection = new FedConnection(peer);
  connection.addEventListener('close', () => stream.abort(new Error('The connection ended.')));
  return {
    stream: stream as unknown as Stream,
    connection: connection as unknown as Connection,
    sent: stream.sent,
    feed: (bytes) => stream.feed(bytes),
    finish: () => stream.finish(),
    get reason() {
      return connection.reason;
    },
  };
}
