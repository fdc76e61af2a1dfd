import { PippaError, StreamLostError, errorMessage, type Frame, type FrameStream, type PeerId } from '@pippa/core';
import {
  abortMessage,
  encodeFrame,
  FrameDecoder,
  FrameError,
  parseMessage,
  streamMessage,
  type DecodedFrame,
  type FrameLimits,
  type StreamMessage,
} from '@pippa/protocol';
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { StreamAbortedError } from '../errors.ts';
import { calmWindows } from '../transport/calm-windows.ts';
import { StreamSender } from './sender.ts';

/** How long a goodbye may take to be written out, and then the other side to answer it, before the stream is torn down. */
const CLOSE_TIMEOUT_MS = 3_000;

export interface PeerStreamOptions {
  readonly peer: PeerId;
  readonly protocol: string;
  readonly limits: FrameLimits;
  /** What people call the peer; its id when left out. */
  readonly nameOf?: (peer: PeerId) => string;
  /** What the stream says of itself before frames flow: `open` and `accept`. Others are dealt with inside. */
  readonly onNegotiation?: (message: Extract<StreamMessage, { kind: 'open' | 'accept' }>) => void;
}

/**
 * Frames over a libp2p stream. Bytes are taken in until a frame comes that nobody takes (no consumer yet, or paused); that one is held
 * and the libp2p stream paused, which closes the sender's window. Goodbyes and aborts are frames too, since libp2p shows a killed
 * process and a good end alike.
 */
export class PeerStream implements FrameStream {
  readonly peer: PeerId;
  #protocol: string;
  readonly closed: Promise<PippaError | undefined>;
  readonly #stream: Stream;
  #limits: FrameLimits;
  readonly #sender: StreamSender;
  readonly #decoder: FrameDecoder;
  readonly #onNegotiation: PeerStreamOptions['onNegotiation'];
  readonly #nameOf: (peer: PeerId) => string;
  #settle: (error: PippaError | undefined) => void = () => {};
  #consumer: ((frame: Frame) => void) | undefined;
  #held: DecodedFrame | undefined;
  #paused = false;
  #processing = false;
  #ended = false;
  #closing: Promise<void> | undefined;
  /** The libp2p stream brings nothing more; its error, null for none. */
  #exhausted: Error | null | undefined;

  constructor(stream: Stream, options: PeerStreamOptions) {
    this.peer = options.peer;
    this.#protocol = options.protocol;
    this.#stream = stream;
    calmWindows(stream);
    this.#limits = options.limits;
    this.#onNegotiation = options.onNegotiation;
    this.#nameOf = options.nameOf ?? ((peer) => peer);
    this.#sender = new StreamSender(stream);
    this.#decoder = new FrameDecoder(options.limits);
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    stream.addEventListener('message', (event) => this.#receive(event));
    stream.addEventListener('remoteCloseWrite', () => this.#exhaust(undefined));
    stream.addEventListener('close', (event) => this.#exhaust(event));
    // It may have been paused, or have ended, before it came here.
    queueMicrotask(() => (stream.status === 'open' ? this.#process() : this.#exhaust(undefined)));
  }

  get protocol(): string {
    return this.#protocol;
  }

  /** An incoming stream learns its protocol, and with it its bounds, from its first frame. */
  setProtocol(protocol: string, limits: FrameLimits): void {
    this.#protocol = protocol;
    this.#limits = limits;
    this.#decoder.setLimits(limits);
  }

  async send(header: unknown, payload?: Uint8Array): Promise<void> {
    if (this.#ended || this.#closing !== undefined) throw this.#lost('is closed');
    const parts = encodeFrame(header, payload, { limits: this.#limits });
    await this.#write(parts);
  }

  /** Says something of the stream itself. */
  async sendControl(message: StreamMessage): Promise<void> {
    await this.#write(encodeFrame(message, undefined, { control: true, limits: this.#limits }));
  }

  onFrame(consumer: (frame: Frame) => void): void {
    this.#consumer = consumer;
    this.#process();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#process();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#closing ??= this.#sayGoodbye();
    await this.#closing;
  }

  abort(reason: PippaError): void {
    if (this.#ended) return;
    try {
      // Reaches the peer where its window and the socket have room; the reset behind it drops the rest.
      this.#sender.send(encodeFrame(abortMessage(reason), undefined, { control: true, limits: this.#limits })).catch(() => {});
    } catch {
      // The libp2p stream is closed already.
    }
    this.#end(reason);
    this.#stream.abort(reason);
  }

  async #write(parts: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#sender.send(parts);
    } catch (error) {
      if (error instanceof StreamLostError) throw error;
      throw this.#lost('broke', error);
    }
  }

  async #sayGoodbye(): Promise<void> {
    const signal = AbortSignal.timeout(CLOSE_TIMEOUT_MS);
    try {
      this.sendControl({ kind: 'goodbye' }).catch(() => {});
      await this.#stream.close({ signal });
      this.#end(undefined);
      this.#finishBy(signal);
    } catch (error) {
      const lost = this.#lost('broke while it was closed', error);
      this.#end(lost);
      this.#stream.abort(lost);
    }
  }

  /** Both halves are closed when the other side has read the goodbye; one that never does is torn down. */
  #finishBy(signal: AbortSignal): void {
    if (this.#stream.status !== 'open' && this.#stream.status !== 'closing') return;
    const give = (): void => this.#stream.abort(new Error('The other side did not finish the stream.'));
    signal.addEventListener('abort', give, { once: true });
    this.#stream.addEventListener('close', () => signal.removeEventListener('abort', give), { once: true });
  }

  #receive({ data }: StreamMessageEvent): void {
    if (this.#ended) return;
    if (data instanceof Uint8Array) this.#decoder.push(data);
    else for (const chunk of data) this.#decoder.push(chunk);
    if (this.#exhausted === undefined) this.#process();
  }

  #process(): void {
    // A consumer that pauses and resumes within a call must not get frames out of order.
    if (this.#processing) return;
    this.#processing = true;
    try {
      while (!this.#ended) {
        const frame = this.#held ?? this.#decoder.next();
        if (frame === undefined) {
          if (this.#exhausted !== undefined) {
            const lost = this.#lost('broke', this.#exhausted ?? undefined);
            this.#end(lost);
            // The other side closed its half alone: without this ours would stay open as long as the connection.
            if (this.#stream.status === 'open') this.#stream.abort(lost);
            return;
          }
          if (this.#stream.readStatus !== 'paused') return;
          // Hands over what libp2p has kept meanwhile, at once.
          this.#stream.resume();
          continue;
        }
        this.#held = undefined;
        if (frame.control) this.#control(frame);
        else if (this.#consumer !== undefined && !this.#paused) this.#deliver(this.#consumer, frame);
        else {
          this.#held = frame;
          if (this.#stream.readStatus === 'readable') this.#stream.pause();
          return;
        }
      }
    } catch (error) {
      this.abort(error instanceof PippaError ? error : new FrameError(errorMessage(error), { cause: error }));
    } finally {
      this.#processing = false;
    }
  }

  #deliver(consumer: (frame: Frame) => void, frame: Frame): void {
    // What comes after this side's goodbye has no taker any more.
    if (this.#closing === undefined) consumer(frame);
  }

  #control(frame: DecodedFrame): void {
    const message = parseMessage(streamMessage, frame.header, 'a stream');
    switch (message.kind) {
      case 'open':
      case 'accept':
        if (this.#onNegotiation === undefined) throw new FrameError('A stream was opened twice.');
        this.#onNegotiation(message);
        return;
      case 'goodbye':
        this.#end(undefined);
        // Closes this half too; the peer is done with the stream, so that a failure here has nobody to tell.
        this.#stream.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) }).catch(() => {});
        return;
      case 'abort':
        this.#end(new StreamAbortedError(message.message, message.code, message.hint === undefined ? {} : { hint: message.hint }));
        this.#stream.abort(new Error('The other side ended the stream.'));
    }
  }

  #exhaust(event: StreamCloseEvent | undefined): void {
    if (this.#ended || this.#exhausted instanceof Error) return;
    this.#exhausted = event?.error ?? null;
    // What libp2p holds back goes to the decoder: the goodbye may be in it.
    if (this.#stream.readStatus === 'paused') this.#stream.resume();
    this.#sender.fail(this.#lost('broke', event?.error));
    this.#process();
  }

  #end(error: PippaError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held = undefined;
    this.#sender.fail(error ?? this.#lost('is closed'));
    this.#settle(error);
  }

  #lost(what: string, cause?: unknown): StreamLostError {
    const name = this.#protocol === '' ? 'A stream' : `The stream ${this.#protocol}`;
    return new StreamLostError(`${name} to ${this.#nameOf(this.peer)} ${what}.`, cause === undefined ? {} : { cause });
  }
}
