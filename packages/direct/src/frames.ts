import { PippaError } from '@pippa/core';

/** A peer's frames break the bounds. */
export class BadDirectFrameError extends PippaError {
  readonly code = 'bad_direct_frame';
}

/** u32 length, little-endian; then the frame. */
export const PREFIX_BYTES = 4;

export function withPrefix(frame: Uint8Array): Uint8Array {
  const together = new Uint8Array(PREFIX_BYTES + frame.length);
  new DataView(together.buffer).setUint32(0, frame.length, true);
  together.set(frame, PREFIX_BYTES);
  return together;
}

/** Puts frames together from chunks cut anywhere. Each gets a buffer of its own, so it begins where typed arrays can be laid over it. */
export class FrameAssembler {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (frame: Uint8Array<ArrayBuffer>) => void;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixFilled = 0;
  #frame: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(maxFrameBytes: number, onFrame: (frame: Uint8Array<ArrayBuffer>) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Throws `BadDirectFrameError` for a frame over the bound, and what the consumer throws. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length || this.#frame?.length === this.#filled) {
      if (this.#frame === undefined) {
        at += this.#fillPrefix(chunk.subarray(at));
        continue;
      }
      const part = chunk.subarray(at, at + this.#frame.length - this.#filled);
      this.#frame.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < this.#frame.length) return;
      const frame = this.#frame;
      this.#frame = undefined;
      this.#onFrame(frame);
    }
  }

  #fillPrefix(chunk: Uint8Array): number {
    const part = chunk.subarray(0, PREFIX_BYTES - this.#prefixFilled);
    this.#prefix.set(part, this.#prefixFilled);
    this.#prefixFilled += part.length;
    if (this.#prefixFilled < PREFIX_BYTES) return part.length;
    const length = new DataView(this.#prefix.buffer).getUint32(0, true);
    if (length > this.#maxFrameBytes)
      throw new BadDirectFrameError(`A frame of ${length} bytes came, and ${this.#maxFrameBytes} are the most.`);
    this.#prefixFilled = 0;
    this.#frame = new Uint8Array(length);
    this.#filled = 0;
    return part.length;
  }
}
