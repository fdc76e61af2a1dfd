import type { Clock } from '@pippa/core';

/** Lets pieces be asked for at a rate that may change at any time. */
export class AskAllowance {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  readonly #onAgain: () => void;
  #freeAtMs = 0;
  #cancel: (() => void) | undefined;

  /** `onAgain`: called when one may be asked for again, after `pieces` said that none may. */
  constructor(clock: Clock, bytesPerSecond: () => number, onAgain: () => void) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#onAgain = onAgain;
  }

  /** How many pieces may be asked for now. */
  pieces(): number {
    if (this.#bytesPerSecond() === Infinity) return Infinity;
    const waitMs = this.#freeAtMs - this.#clock.nowMs();
    if (waitMs <= 0) return 1;
    this.#cancel ??= this.#clock.schedule(waitMs, () => {
      this.#cancel = undefined;
      this.#onAgain();
    });
    return 0;
  }

  spend(bytes: number): void {
    const rate = this.#bytesPerSecond();
    if (rate === Infinity || bytes === 0) return;
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#clock.nowMs()) + (bytes / Math.max(1, rate)) * 1000;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
