import { KIB, MIB } from '@pippa/core';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Smaller ones go along with the objects that a step leaves behind. */
const LARGE_BYTES = 128 * KIB;
/** So much may lie about before it is collected: some steps of a prompt. */
const MOST_BYTES = 4 * MIB;

/**
 * Large buffers that a thread is done with. V8 collects garbage when its heap fills up; what buffers outside of it weigh it notices late, at
 * 64 MiB, and by then each stage would take as much beyond what was planned for it.
 */
export class DroppedBuffers {
  #bytes = 0;
  readonly #collect: () => void;

  constructor(collect: () => void = collector()) {
    this.#collect = collect;
  }

  /** A buffer of so many bytes was dropped. */
  add(byteLength: number): void {
    if (byteLength < LARGE_BYTES) return;
    this.#bytes += byteLength;
    if (this.#bytes < MOST_BYTES) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** V8's own, which a program gets at by a flag alone. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
