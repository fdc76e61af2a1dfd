import type { Clock } from '@pippa/core';

/** Between two steps of an answer there is less; after its last one transfers wait no longer than this. */
const QUIET_MS = 2000;

/** Whether stages of this node compute, whoever conducts their ring: known here at once, in the cards of others a second later. */
export class StageActivity {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #counters = new Set<{ readonly count: () => number; last: number }>();
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** A step came, or its result. */
  note(): void {
    this.#lastMs = this.#clock.nowMs();
  }

  /** Counts steps that come past this thread. Returns how to stop that. */
  watch(count: () => number): () => void {
    const counter = { count, last: count() };
    this.#counters.add(counter);
    return () => void this.#counters.delete(counter);
  }

  get isComputing(): boolean {
    for (const counter of this.#counters) {
      const now = counter.count();
      if (now !== counter.last) this.note();
      counter.last = now;
    }
    return this.#clock.nowMs() - this.#lastMs < QUIET_MS;
  }
}
