import type { ByteSource } from './byte-source.ts';
import { concatenate } from './encode.ts';
import { CorruptGgufError, TruncatedGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';

/** Bytes fetched at a time: a header without its vocabulary fits one window. */
const WINDOW_BYTES = 256 * 1024;

/** Reads little-endian values in order; nothing is allocated before the source is known to hold it. */
export class Cursor {
  readonly #source: ByteSource;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #offset = 0;

  readonly #signal: AbortSignal | undefined;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#source.byteLength - this.#offset;
  }

  async bytes(length: number): Promise<Uint8Array> {
    this.#require(length);
    if (this.#offset + length > GGUF_LIMITS.headerBytes)
      throw new CorruptGgufError(`The header is larger than ${GGUF_LIMITS.headerBytes} bytes.`);
    let start = this.#offset - this.#windowStart;
    if (start + length > this.#window.length) {
      this.#signal?.throwIfAborted();
      this.#window = await this.#source.read(this.#offset, Math.min(Math.max(length, WINDOW_BYTES), this.remaining));
      this.#windowStart = this.#offset;
      start = 0;
      if (this.#window.length < length) throw new TruncatedGgufError('The file became shorter while it was read.');
    }
    this.#offset += length;
    return this.#window.subarray(start, start + length);
  }

  /**
   * The encoded form of `count` texts. A vocabulary has hundreds of thousands: those that lie in the window are passed in one
   * synchronous sweep and copied as one piece.
   */
  async strings(count: number): Promise<Uint8Array> {
    this.#require(count * 8);
    const parts: Uint8Array[] = [];
    for (let left = count; left > 0;) {
      const prefix = new Uint8Array(await this.bytes(8));
      parts.push(prefix, new Uint8Array(await this.bytes(textLength(new DataView(prefix.buffer), 0))));
      left -= 1;
      const begin = this.#offset - this.#windowStart;
      const view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.length);
      let end = begin;
      while (left > 0 && end + 8 <= view.byteLength) {
        const next = end + 8 + textLength(view, end);
        if (next > view.byteLength) break;
        end = next;
        left -= 1;
      }
      parts.push(new Uint8Array(this.#window.subarray(begin, end)));
      this.#offset += end - begin;
    }
    return concatenate(parts);
  }

  #require(length: number): void {
    if (length > this.remaining)
      throw new TruncatedGgufError(`The file ends at byte ${this.#source.byteLength}, but its header goes on.`);
  }

  async #view(length: number): Promise<DataView> {
    const bytes = await this.bytes(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  async uint32(): Promise<number> {
    return (await this.#view(4)).getUint32(0, true);
  }

  async uint64(): Promise<bigint> {
    return (await this.#view(8)).getBigUint64(0, true);
  }

  /** A 64-bit count or length that must not be above `limit`. */
  async count(limit: number, what: string): Promise<number> {
    const value = await this.uint64();
    if (value > BigInt(limit)) throw new CorruptGgufError(`The header claims ${value} ${what}; the limit is ${limit}.`);
    return Number(value);
  }
}

function textLength(view: DataView, offset: number): number {
  const length = view.getBigUint64(offset, true);
  if (length > BigInt(GGUF_LIMITS.stringBytes)) {
    throw new CorruptGgufError(`The header claims a text of ${length} bytes; the limit is ${GGUF_LIMITS.stringBytes}.`);
  }
  return Number(length);
}
