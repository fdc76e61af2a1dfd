import type { Clock } from '@pippa/core';

/** Between two steps of an answer there is less; after its last one transfers wait no longer than this. */
const QUIET_MS = 2000;

/** Whether stages of this node compute, whoever conducts their ring: known here at once, in the cards of others a second later. */
export class StageActivity {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** A step came, or its result. */
  note(): void {
    this.#lastMs = this.#clock.nowMs();
  }

  get isComputing(): boolean {
    return this.#clock.nowMs() - this.#lastMs < QUIET_MS;
  }
}
