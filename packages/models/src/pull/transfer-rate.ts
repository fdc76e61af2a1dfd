import type { Clock } from '@pippa/core';

/** Rates are means over so long. */
const WINDOW_MS = 5000;
const SAMPLE_MS = 250;

/** How fast bytes come, over the last seconds. */
export class TransferRate {
  readonly #clock: Clock;
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `doneBytes`: all that are there by now, those of an earlier run too. */
  add(doneBytes: number): void {
    const atMs = this.#clock.nowMs();
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs, bytes: doneBytes });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift();
  }

  get bytesPerSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
    return Math.max(0, ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000);
  }

  remainingMs(bytes: number): number | undefined {
    const rate = this.bytesPerSecond;
    return rate > 0 ? (bytes / rate) * 1000 : undefined;
  }
}
