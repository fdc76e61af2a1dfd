import type { Clock } from '@pippa/core';

/** Bytes that may go at once after a pause: a few chunks. */
const BURST_MS = 50;

/**
 * Lets bytes through at a rate that may change at any time: uploads of all streams share one. `bytesPerSecond` is asked before each
 * chunk; infinity lets everything through.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  /** When the next chunk may go. */
  #freeAtMs = 0;

  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Somebody else uses the link, or whoever set the rate wants it so. */
  get isLimited(): boolean {
    return this.#bytesPerSecond() !== Infinity;
  }

  /** Settles when so many bytes may go. Rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const rate = this.#bytesPerSecond();
    if (rate === Infinity) return;
    const now = this.#clock.nowMs();
    const startMs = Math.max(this.#freeAtMs, now - BURST_MS);
    this.#freeAtMs = startMs + (bytes / Math.max(1, rate)) * 1000;
    const waitMs = this.#freeAtMs - now;
    if (waitMs > 0) await sleep(waitMs, this.#clock, signal);
  }
}

/** Rejects with the signal's reason. */
export async function sleep(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
