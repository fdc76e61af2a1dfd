/** Buffers that are kept for reuse: fresh memory costs more than what is done with it. */
const MAX_KEPT = 32;

/** Buffers of one size that go around. */
export class BufferPool {
  readonly #bytes: number;
  readonly #free: ArrayBuffer[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** `length` bytes from the beginning of a buffer; what is in them is left over from before. */
  take(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#bytes), 0, length);
  }

  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#bytes && this.#free.length < MAX_KEPT) this.#free.push(buffer);
  }
}
