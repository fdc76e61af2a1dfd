import type { Frame } from '@pippa/core';
import { FrameError, FrameTooLargeError } from './errors.ts';
import { FIRST_ALLOCATION_BYTES, STREAM_FRAME_LIMITS, type FrameLimits } from './limits.ts';
import { decodeMessage, encodeMessage } from './msgpack.ts';

/** Both lengths. */
export const FRAME_PREFIX_BYTES = 8;
/** Set in the header length of a frame that is the stream's own and not its user's. */
const CONTROL_BIT = 0x8000_0000;

const EMPTY = new Uint8Array(0);

export interface DecodedFrame extends Frame {
  /** The frame speaks of the stream itself; see `stream-messages.ts`. */
  readonly control: boolean;
}

export interface EncodeOptions {
  readonly control?: boolean;
  readonly limits?: FrameLimits;
}

function paddingOf(headerBytes: number): number {
  return -headerBytes & 7;
}

/**
 * The parts of a frame, to be written one after another: both lengths with the header and its padding, then `payload` as it is, not
 * copied. Throws `FrameTooLargeError` for what the other side would refuse.
 */
export function encodeFrame(header: unknown, payload: Uint8Array = EMPTY, options: EncodeOptions = {}): readonly Uint8Array[] {
  const limits = options.limits ?? STREAM_FRAME_LIMITS;
  const encoded = encodeMessage(header);
  const padding = paddingOf(encoded.length);
  const bodyBytes = encoded.length + padding + payload.length;
  if (encoded.length > limits.headerBytes || bodyBytes > limits.bodyBytes)
    throw new FrameTooLargeError(
      `A frame with a header of ${encoded.length} bytes and a payload of ${payload.length} is over the limit of ` +
        `${limits.headerBytes} and ${limits.bodyBytes} bytes.`,
    );
  const head = new Uint8Array(FRAME_PREFIX_BYTES + encoded.length + padding);
  const lengths = new DataView(head.buffer, head.byteOffset);
  lengths.setUint32(0, bodyBytes, true);
  lengths.setUint32(4, (options.control === true ? CONTROL_BIT : 0) + encoded.length, true);
  head.set(encoded, FRAME_PREFIX_BYTES);
  return payload.length === 0 ? [head] : [head, payload];
}

/**
 * Cuts a stream of bytes into frames. Bytes go in as they come (`push`), frames come out one at a time (`next`), so that a consumer
 * may stop between two of them. After an error the decoder is broken for good: there is no way to find the next frame.
 */
export class FrameDecoder {
  #limits: FrameLimits;
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are used up. */
  #offset = 0;
  readonly #prefix = new Uint8Array(FRAME_PREFIX_BYTES);
  #prefixBytes = 0;
  #headerLength = 0;
  #control = false;
  #bodyLength = 0;
  #body: Uint8Array<ArrayBuffer> | undefined;
  #bodyBytes = 0;
  #waitingBytes = 0;

  constructor(limits: FrameLimits = STREAM_FRAME_LIMITS) {
    this.#limits = limits;
  }

  /** Holds from the next frame on. */
  setLimits(limits: FrameLimits): void {
    this.#limits = limits;
  }

  /** Bytes that were pushed and are not part of a frame yet; 0 between two frames. */
  get pendingBytes(): number {
    return this.#waitingBytes + this.#prefixBytes + this.#bodyBytes;
  }

  /** Keeps `chunk` until it is used up: its bytes must not change. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /** The next whole frame, undefined when more bytes are needed. Throws `FrameError`. */
  next(): DecodedFrame | undefined {
    if (this.#body === undefined) {
      while (this.#prefixBytes < FRAME_PREFIX_BYTES) {
        const taken = this.#take(this.#prefix, this.#prefixBytes);
        if (taken === 0) return undefined;
        this.#prefixBytes += taken;
      }
      this.#begin();
    }
    let body: Uint8Array<ArrayBuffer> = this.#body ?? EMPTY;
    while (this.#bodyBytes < this.#bodyLength) {
      if (this.#bodyBytes === body.length) body = this.#grow(body);
      const taken = this.#take(body, this.#bodyBytes);
      if (taken === 0) return undefined;
      this.#bodyBytes += taken;
    }
    return this.#finish(body);
  }

  #begin(): void {
    const lengths = new DataView(this.#prefix.buffer);
    this.#bodyLength = lengths.getUint32(0, true);
    const headerLength = lengths.getUint32(4, true);
    this.#control = headerLength >= CONTROL_BIT;
    this.#headerLength = this.#control ? headerLength - CONTROL_BIT : headerLength;
    if (this.#bodyLength > this.#limits.bodyBytes)
      throw new FrameTooLargeError(`A frame of ${this.#bodyLength} bytes is over the limit of ${this.#limits.bodyBytes}.`);
    if (this.#headerLength > this.#limits.headerBytes)
      throw new FrameTooLargeError(`A header of ${this.#headerLength} bytes is over the limit of ${this.#limits.headerBytes}.`);
    if (this.#headerLength === 0) throw new FrameError('A frame has no header.');
    if (this.#headerLength + paddingOf(this.#headerLength) > this.#bodyLength)
      throw new FrameError('A header is longer than its frame.');
    // Small frames come out of Node's pool, which keeps to multiples of 8; large ones own their memory.
    this.#body = Buffer.allocUnsafe(Math.min(this.#bodyLength, FIRST_ALLOCATION_BYTES));
    this.#bodyBytes = 0;
  }

  /** Doubles, so that the sum of the copies stays below twice the frame. */
  #grow(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#bodyLength, body.length * 2));
    larger.set(body);
    this.#body = larger;
    return larger;
  }

  #finish(body: Uint8Array<ArrayBuffer>): DecodedFrame {
    const start = this.#headerLength + paddingOf(this.#headerLength);
    const header = decodeMessage(body.subarray(0, this.#headerLength), this.#limits);
    // A plain Uint8Array even where the memory came from a Buffer, whose `slice` would not copy.
    const payload = start === body.length ? EMPTY : new Uint8Array(body.buffer, body.byteOffset + start, body.length - start);
    const frame = { header, payload, control: this.#control };
    this.#body = undefined;
    this.#prefixBytes = 0;
    this.#bodyBytes = 0;
    return frame;
  }

  /** Moves bytes from what was pushed into `target` at `from`; returns how many. */
  #take(target: Uint8Array, from: number): number {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return 0;
    const count = Math.min(chunk.length - this.#offset, target.length - from);
    if (this.#offset === 0 && count === chunk.length) target.set(chunk, from);
    else target.set(chunk.subarray(this.#offset, this.#offset + count), from);
    this.#offset += count;
    this.#waitingBytes -= count;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    return count;
  }
}
