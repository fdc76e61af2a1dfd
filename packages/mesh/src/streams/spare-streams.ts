import type { Connection, Stream } from '@libp2p/interface';
import { untilSettledOrAborted } from '@pippa/core';
import { STREAM_PROTOCOL } from '@pippa/protocol';

const OPEN_TIMEOUT_MS = 5_000;

/**
 * libp2p streams, one a connection in advance: agreeing on the protocol takes a round trip and a good millisecond of work on both
 * sides, which the first token of an answer need not wait for. The first stream of a connection is made as it is asked for.
 */
export class SpareStreams {
  readonly #spares = new WeakMap<Connection, Promise<Stream | undefined>>();

  /** Throws what libp2p does, or the signal's reason. */
  async take(connection: Connection, signal: AbortSignal | undefined): Promise<Stream> {
    const reserved = this.#spares.get(connection);
    // Two who ask at once must not get the same one.
    this.#spares.delete(connection);
    try {
      const spare = signal === undefined ? await reserved : await untilSettledOrAborted(Promise.resolve(reserved), signal);
      return spare?.status === 'open' ? spare : await openStream(connection, signal);
    } catch (error) {
      if (reserved !== undefined && !this.#spares.has(connection)) this.#spares.set(connection, reserved);
      throw error;
    }
  }

  /** Has one ready for the next who asks. */
  prepare(connection: Connection): void {
    if (this.#spares.has(connection) || connection.status !== 'open') return;
    // The connection may end meanwhile; whoever asks next finds out.
    this.#spares.set(
      connection,
      openStream(connection, undefined).catch(() => undefined),
    );
  }
}

async function openStream(connection: Connection, signal: AbortSignal | undefined): Promise<Stream> {
  const timeout = AbortSignal.timeout(OPEN_TIMEOUT_MS);
  return connection.newStream(STREAM_PROTOCOL, {
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    maxOutboundStreams: Number.POSITIVE_INFINITY,
  });
}
