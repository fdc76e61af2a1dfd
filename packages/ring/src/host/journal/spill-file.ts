/** Where a journal keeps what does not fit into memory. Gone when it is closed. */
export interface SpillFile {
  /** Writes all of `bytes` from position `at` on, in bytes. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Fills `target` from position `at` on. Throws when there is less. */
  read(target: Uint8Array, at: number): Promise<void>;
  close(): Promise<void>;
}
