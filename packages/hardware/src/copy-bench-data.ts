/** What a thread of the copy bench gets. */
export interface CopyBenchData {
  /** Size of each of its two buffers; a multiple of `COPY_CHUNK_BYTES`. */
  readonly bufferBytes: number;
  /** One 64-bit word: bytes copied by all threads. */
  readonly copied: SharedArrayBuffer;
  /** One 32-bit word: not 0 to stop. */
  readonly stop: SharedArrayBuffer;
}

/** Small enough that the count is fresh, large enough that counting costs nothing. */
export const COPY_CHUNK_BYTES = 4 * 1024 * 1024;
