import { StreamLostError, type Frame, type FrameStream, type PeerId, type PippaError } from '@pippa/core';
import { decodeMessage, encodeMessage, STREAM_FRAME_LIMITS } from '@pippa/protocol';

/** Bytes under way before `send` makes its caller wait. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** What a header counts for. */
const HEADER_BYTES = 256;

/** One end of a stream of a node to itself. Frames are copied, so that either side may change its own. */
class LocalStream implements FrameStream {
  readonly peer: PeerId;
  readonly protocol: string;
  readonly closed: Promise<PippaError | undefined>;
  #other: LocalStream | undefined;
  #consumer: ((frame: Frame) => void) | undefined;
  #paused = false;
  #ended = false;
  #scheduled = false;
  #otherSaidGoodbye = false;
  #incoming: { readonly frame: Frame; readonly bytes: number }[] = [];
  #incomingBytes = 0;
  #waiting: (() => void)[] = [];
  #settle: (error: PippaError | undefined) => void = () => {};

  constructor(peer: PeerId, protocol: string) {
    this.peer = peer;
    this.protocol = protocol;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  join(other: LocalStream): void {
    this.#other = other;
  }

  async send(header: unknown, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    const other = this.#other;
    if (this.#ended || other === undefined) throw this.#closedError();
    // What nobody can change needs no copy: steps come with such a header, and a token waits for each.
    const copied = Object.isFrozen(header) ? header : decodeMessage(encodeMessage(header), STREAM_FRAME_LIMITS);
    other.#take({ header: copied, payload: new Uint8Array(payload) }, HEADER_BYTES + payload.length);
    if (other.#incomingBytes < WINDOW_BYTES) return;
    await new Promise<void>((resolve) => {
      other.#waiting.push(resolve);
    });
    if (this.#ended) throw this.#closedError();
  }

  onFrame(consumer: (frame: Frame) => void): void {
    this.#consumer = consumer;
    this.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#end(undefined);
    const other = this.#other;
    if (other === undefined) return;
    other.#otherSaidGoodbye = true;
    other.#schedule();
  }

  abort(reason: PippaError): void {
    this.#end(reason);
    const other = this.#other;
    if (other !== undefined) other.#end(reason);
  }

  #take(frame: Frame, bytes: number): void {
    if (this.#ended) return;
    this.#incoming.push({ frame, bytes });
    this.#incomingBytes += bytes;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#ended && !this.#paused && this.#consumer !== undefined) {
      const next = this.#incoming.shift();
      if (next === undefined) break;
      this.#incomingBytes -= next.bytes;
      if (this.#incomingBytes < WINDOW_BYTES) this.#release();
      this.#consumer(next.frame);
    }
    if (this.#otherSaidGoodbye && this.#incoming.length === 0) this.#end(undefined);
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #end(error: PippaError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#incoming = [];
    this.#incomingBytes = 0;
    this.#release();
    const other = this.#other;
    if (other !== undefined) other.#release();
    this.#settle(error);
  }

  #closedError(): StreamLostError {
    return new StreamLostError(`The stream ${this.protocol} to this node itself is closed.`);
  }
}

/** Both ends of a stream that stays in the process. */
export function localStreamPair(self: PeerId, protocol: string): readonly [near: FrameStream, far: FrameStream] {
  const near = new LocalStream(self, protocol);
  const far = new LocalStream(self, protocol);
  near.join(far);
  far.join(near);
  return [near, far];
}
