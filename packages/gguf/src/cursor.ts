import type { ByteSource } from './byte-source.ts';
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

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#source.byteLength - this.#offset;
  }

  async bytes(length: number): Promise<Uint8Array> {
    if (length > this.remaining) {
      throw new TruncatedGgufError(`The file ends at byte ${this.#source.byteLength}, but its header goes on.`, {
        hint: 'Download the file again: it is not complete.',
      });
    }
    if (this.#offset + length > GGUF_LIMITS.headerBytes) throw new CorruptGgufError(`The header is larger than ${GGUF_LIMITS.headerBytes} bytes.`);
    let start = this.#offset - this.#windowStart;
    if (start + length > this.#window.length) {
      this.#window = await this.#source.read(this.#offset, Math.min(Math.max(length, WINDOW_BYTES), this.remaining));
      this.#windowStart = this.#offset;
      start = 0;
      if (this.#window.length < length) throw new TruncatedGgufError('The file became shorter while it was read.');
    }
    this.#offset += length;
    return this.#window.subarray(start, start + length);
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
