import type { Connection, Stream } from '@libp2p/interface';
import {
  errorMessage,
  PeerRefusedError,
  PeerUnreachableError,
  peerId,
  PippaError,
  StreamLostError,
  type Clock,
  type FrameStream,
  type Logger,
  type OpenStreamOptions,
  type PeerId,
  type RequestOptions,
} from '@pippa/core';
import { answerMessage, parseMessage, STREAM_FRAME_LIMITS, type FrameLimits } from '@pippa/protocol';
import { UnknownProtocolError } from '../errors.ts';
import type { Link } from '../peers/link.ts';
import { localStreamPair } from './local-stream.ts';
import { PeerStream } from './peer-stream.ts';
import { SpareStreams } from './spare-streams.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const SPARE_DELAY_MS = 50;

export interface StreamServiceParts {
  readonly self: PeerId;
  readonly logger: Logger;
  readonly clock: Clock;
  /** What people call a member; its id when left out. */
  readonly nameOf?: (peer: PeerId) => string;
  /** The connections to a member, best first. */
  linksOf(peer: PeerId): readonly Link[];
  /** Makes a connection to a member that there is none to. Empty when that failed. */
  connect(peer: PeerId, signal: AbortSignal | undefined): Promise<readonly Link[]>;
  /** Settles when it is clear whether the other end of the connection is a member. */
  isAdmitted(connection: Connection): Promise<boolean>;
}

interface Handler {
  readonly limits: FrameLimits;
  readonly take: (stream: FrameStream, connection: Connection | undefined) => void;
}

/** Streams by name between members, and questions and answers over them. */
export class StreamService {
  readonly #parts: StreamServiceParts;
  readonly #nameOf: (peer: PeerId) => string;
  readonly #spares = new SpareStreams();
  readonly #inUse = new WeakMap<Connection, number>();
  readonly #handlers = new Map<string, Handler>();

  constructor(parts: StreamServiceParts) {
    this.#parts = parts;
    this.#nameOf = parts.nameOf ?? ((peer) => peer);
  }

  handle(protocol: string, take: Handler['take'], limits: FrameLimits = STREAM_FRAME_LIMITS): () => void {
    if (this.#handlers.has(protocol)) throw new TypeError(`There is a handler for ${protocol} already.`);
    const handler = { limits, take };
    this.#handlers.set(protocol, handler);
    return () => {
      if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol);
    };
  }

  /** A stream that another node opened. */
  async accept(stream: Stream, connection: Connection): Promise<void> {
    // Nothing is read on behalf of a stranger; `PeerStream` takes the reading up again.
    stream.pause();
    if (!(await this.#parts.isAdmitted(connection))) {
      stream.abort(new Error('Not a member of this mesh.'));
      return;
    }
    const incoming = new PeerStream(stream, {
      nameOf: this.#nameOf,
      peer: peerId(connection.remotePeer.toString()),
      protocol: '',
      limits: STREAM_FRAME_LIMITS,
      onNegotiation: (message) => {
        if (message.kind !== 'open' || incoming.protocol !== '') throw new StreamLostError('A stream was not opened in order.');
        this.#route(incoming, message.protocol, connection);
      },
    });
  }

  async open(peer: PeerId, protocol: string, { signal, eager = false }: OpenStreamOptions = {}): Promise<FrameStream> {
    signal?.throwIfAborted();
    if (peer === this.#parts.self) return this.#openLocal(protocol);
    const stream = await this.#dial(peer, protocol, signal);
    if (!eager) await stream.accepted;
    return stream.stream;
  }

  /** Streams over a connection that somebody uses, the control stream among them. */
  inUse(connection: Connection): number {
    return this.#inUse.get(connection) ?? 0;
  }

  async request(peer: PeerId, protocol: string, question: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { timeoutMs = REQUEST_TIMEOUT_MS } = options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    try {
      signal.throwIfAborted();
      // The question goes out right behind the opening; a refusal shows as the end of the stream.
      const stream = peer === this.#parts.self ? this.#openLocal(protocol) : (await this.#dial(peer, protocol, signal)).stream;
      return await ask(stream, question, { name: this.#nameOf(peer), signal });
    } catch (error) {
      if (timeout.aborted && options.signal?.aborted !== true)
        throw new PeerUnreachableError(`${this.#nameOf(peer)} did not answer ${protocol} within ${timeoutMs} ms.`, {
          cause: error,
        });
      throw error;
    }
  }

  answer(protocol: string, answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>): () => void {
    return this.handle(protocol, (stream) => {
      let asked = false;
      stream.onFrame(({ header }) => {
        if (asked) return;
        asked = true;
        void this.#reply(stream, header, answer);
      });
    });
  }

  /** Opens a stream over one connection, without waiting for the other side to accept. `signal` holds until it has. */
  async openOn(connection: Connection, protocol: string, limits: FrameLimits, signal?: AbortSignal) {
    const peer = peerId(connection.remotePeer.toString());
    const { promise: accepted, resolve, reject } = Promise.withResolvers<void>();
    accepted.catch(() => {});
    // Before anything is waited for: a connection without streams may be closed.
    const release = this.#count(connection);
    const raw = await this.#spares.take(connection, signal).catch((error: unknown) => {
      release();
      throw error;
    });
    const stream = new PeerStream(raw, {
      nameOf: this.#nameOf,
      peer,
      protocol,
      limits,
      onNegotiation: (message) => {
        if (message.kind !== 'accept') throw new StreamLostError('A stream was accepted out of order.');
        resolve();
      },
    });
    void stream.closed.then((error) => {
      release();
      reject(openFailure(this.#nameOf(peer), protocol, error));
    });
    // Before the first frame is sent: where the way is full, that one waits, too.
    const abort = (): void => stream.abort(new StreamLostError('The opener gave up.'));
    signal?.addEventListener('abort', abort, { once: true });
    const forget = (): void => signal?.removeEventListener('abort', abort);
    accepted.then(forget, forget);
    if (signal?.aborted === true) abort();
    await stream.sendControl({ kind: 'open', protocol });
    return { stream, accepted };
  }

  async #dial(peer: PeerId, protocol: string, signal: AbortSignal | undefined) {
    let cause: unknown;
    // A connection may be closing just now: the next best takes over.
    const links = this.#parts.linksOf(peer);
    for (const link of (links.length > 0 ? links : await this.#parts.connect(peer, signal)).slice(0, 3)) {
      try {
        const opened = await this.openOn(link.connection, protocol, STREAM_FRAME_LIMITS, signal);
        this.#prepareNext(opened.stream, link.connection);
        const accepted = opened.accepted.catch((error: unknown) => {
          signal?.throwIfAborted();
          throw error;
        });
        accepted.catch(() => {});
        return { stream: opened.stream, accepted };
      } catch (error) {
        signal?.throwIfAborted();
        cause = error;
      }
    }
    signal?.throwIfAborted();
    throw new PeerUnreachableError(`${this.#nameOf(peer)} cannot be reached now.`, cause === undefined ? {} : { cause });
  }

  /** Not in the way of what is said over the stream that was asked for. */
  #prepareNext(stream: FrameStream, connection: Connection): void {
    const prepare = (): void => {
      cancel();
      this.#spares.prepare(connection);
    };
    const cancel = this.#parts.clock.schedule(SPARE_DELAY_MS, prepare);
    void stream.closed.then(prepare);
  }

  #openLocal(protocol: string): FrameStream {
    const handler = this.#handlers.get(protocol);
    if (handler === undefined) throw new UnknownProtocolError(`This node does not speak ${protocol}.`);
    const [near, far] = localStreamPair(this.#parts.self, protocol);
    this.#take(handler, far, undefined);
    return near;
  }

  #route(stream: PeerStream, protocol: string, connection: Connection): void {
    const handler = this.#handlers.get(protocol);
    stream.setProtocol(protocol, handler?.limits ?? STREAM_FRAME_LIMITS);
    if (handler === undefined) {
      stream.abort(new UnknownProtocolError(`${this.#parts.self} does not speak ${protocol}.`));
      return;
    }
    void stream.closed.then(this.#count(connection));
    stream.sendControl({ kind: 'accept' }).catch(() => {});
    this.#take(handler, stream, connection);
  }

  /** One more stream in use, until what it returns is called. */
  #count(connection: Connection): () => void {
    this.#inUse.set(connection, this.inUse(connection) + 1);
    return () => void this.#inUse.set(connection, this.inUse(connection) - 1);
  }

  #take(handler: Handler, stream: FrameStream, connection: Connection | undefined): void {
    try {
      handler.take(stream, connection);
    } catch (error) {
      this.#parts.logger.error({ protocol: stream.protocol, error: errorMessage(error) }, 'a stream handler failed');
      stream.abort(error instanceof PippaError ? error : new StreamLostError(errorMessage(error), { cause: error }));
    }
  }

  async #reply(
    stream: FrameStream,
    question: unknown,
    answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const controller = new AbortController();
    void stream.closed.then((error) => controller.abort(error ?? new StreamLostError('The asker left.')));
    try {
      const value = await answer(question, stream.peer, controller.signal);
      await stream.send({ kind: 'answer', value });
      await stream.close();
    } catch (error) {
      if (controller.signal.aborted) return;
      await this.#refuse(stream, error);
    }
  }

  async #refuse(stream: FrameStream, error: unknown): Promise<void> {
    const known = error instanceof PippaError;
    if (!known) this.#parts.logger.error({ protocol: stream.protocol, error: errorMessage(error) }, 'an answer failed');
    try {
      await stream.send({
        kind: 'refusal',
        code: known ? error.code.slice(0, 64) : 'internal_error',
        message: errorMessage(error).slice(0, 2_000),
        ...(known && error.hint !== undefined ? { hint: error.hint.slice(0, 2_000) } : {}),
      });
      await stream.close();
    } catch {
      // The asker is gone; nobody is left to tell.
    }
  }
}

function openFailure(name: string, protocol: string, error: PippaError | undefined): PippaError {
  if (error?.code === 'unknown_protocol') return new UnknownProtocolError(`${name} does not speak ${protocol}.`);
  return new PeerUnreachableError(`${name} ended ${protocol} before it began.`, error === undefined ? {} : { cause: error });
}

async function ask(
  stream: FrameStream,
  question: unknown,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    stream.onFrame(({ header }) => resolve(header));
    void stream.closed.then((error) => {
      if (error?.code === 'unknown_protocol') reject(new UnknownProtocolError(`${name} does not speak ${stream.protocol}.`));
      else if (error === undefined || error instanceof StreamLostError)
        reject(new StreamLostError(`${name} was lost before it answered.`, { cause: error }));
      else reject(error);
    });
    await Promise.race([stream.send(question), promise]);
    const answered = parseMessage(answerMessage, await promise, 'an answer');
    void stream.close();
    if (answered.kind === 'refusal')
      throw new PeerRefusedError(answered.message, answered.code, answered.hint === undefined ? {} : { hint: answered.hint });
    return answered.value;
  } catch (error) {
    stream.abort(new StreamLostError('The asker left.'));
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
