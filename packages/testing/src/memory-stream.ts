import { StreamLostError, type PippaError, type Frame, type FrameStream, type PeerId } from '@pippa/core';

/** Frames under way before `send` makes its caller wait. */
const WINDOW_FRAMES = 64;

/** Calls back after what a frame takes on its way. */
export type Later = (callback: () => void) => void;

export interface MemoryWay {
  readonly isHeld: () => boolean;
  readonly later: Later;
  /** Calls back when an end of a stream comes to know of the other's, or of a broken link: at once where frames take no time. */
  readonly noticed: Later;
}

/** One end of a stream through memory. Frames are copied, as a network does. */
export class MemoryStream implements FrameStream {
  readonly peer: PeerId;
  readonly protocol: string;
  readonly closed: Promise<PippaError | undefined>;
  readonly #isHeld: () => boolean;
  readonly #later: Later;
  readonly #noticed: Later;
  /** Frames for this end that its consumer has not had. */
  readonly #incoming: Frame[] = [];
  readonly #waitingSenders: (() => void)[] = [];
  #other: MemoryStream | undefined;
  #consumer: ((frame: Frame) => void) | undefined;
  #paused = false;
  #ended = false;
  #delivering = false;
  #remoteSaidGoodbye = false;
  #settle: (error: PippaError | undefined) => void = () => {};

  constructor(peer: PeerId, protocol: string, { isHeld, later, noticed }: MemoryWay) {
    this.peer = peer;
    this.protocol = protocol;
    this.#isHeld = isHeld;
    this.#later = later;
    this.#noticed = noticed;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  join(other: MemoryStream): void {
    this.#other = other;
  }

  async send(header: unknown, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    const other = this.#other;
    if (this.#ended || other === undefined) throw new StreamLostError(`The stream to ${this.peer} is closed.`);
    // A fresh buffer begins 8-aligned.
    other.#incoming.push({ header: copyHeader(header), payload: payload.slice() });
    other.flush();
    while (other.#incoming.length >= WINDOW_FRAMES && !this.#ended) {
      await new Promise<void>((resolve) => other.#waitingSenders.push(resolve));
    }
    if (this.#ended) throw new StreamLostError(`The stream to ${this.peer} is closed.`);
  }

  onFrame(consumer: (frame: Frame) => void): void {
    this.#consumer = consumer;
    this.flush();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.flush();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const other = this.#other;
    this.#end(undefined);
    if (other === undefined) return;
    other.#remoteSaidGoodbye = true;
    other.flush();
  }

  abort(reason: PippaError): void {
    if (this.#ended) return;
    this.#end(reason);
    this.#noticed(() => this.#endOther(reason));
  }

  get isOpen(): boolean {
    return !this.#ended;
  }

  /** What a dead peer or a broken link looks like. */
  break(): void {
    this.#noticed(() => this.#end(new StreamLostError(`The stream to ${this.peer} broke.`)));
    this.#noticed(() => this.#endOther(new StreamLostError('The stream broke.')));
  }

  /** Hands over what may be handed over, each frame in a turn of its own. */
  flush(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    this.#later(() => {
      this.#delivering = false;
      if (this.#ended || this.#isHeld()) return;
      if (this.#incoming.length === 0) {
        if (this.#remoteSaidGoodbye) this.#end(undefined);
        return;
      }
      if (this.#consumer === undefined || this.#paused) return;
      const frame = this.#incoming.shift();
      if (frame === undefined) return;
      for (const resolve of this.#waitingSenders.splice(0)) resolve();
      this.#consumer(frame);
      this.flush();
    });
  }

  #endOther(error: PippaError): void {
    const other = this.#other;
    if (other !== undefined) other.#end(error);
  }

  #end(error: PippaError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#incoming.length = 0;
    for (const resolve of this.#waitingSenders.splice(0)) resolve();
    this.#settle(error);
  }
}

/** As `structuredClone`, which takes long for what headers mostly are: plain objects, arrays, strings and numbers. */
function copyHeader(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? structuredClone(value) : value;
  if (Array.isArray(value)) return value.map(copyHeader);
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copyHeader(each)]));
}

export function memoryStreamPair(
  opener: PeerId,
  acceptor: PeerId,
  protocol: string,
  way: MemoryWay,
): [near: MemoryStream, far: MemoryStream] {
  const near = new MemoryStream(acceptor, protocol, way);
  const far = new MemoryStream(opener, protocol, way);
  near.join(far);
  far.join(near);
  return [near, far];
}
