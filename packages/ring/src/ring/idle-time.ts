import type { Clock } from '@pippa/core';

/** How long nobody has used a ring. It is asked now and then, and looks whether something was generated meanwhile. */
export class IdleTime {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #lastUsedMs: number;
  #generatedAtLastLook = 0;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#lastUsedMs = clock.nowMs();
  }

  /** Milliseconds; 0 while it is busy. */
  look({ isBusy, generatedTokens }: { readonly isBusy: boolean; readonly generatedTokens: number }): number {
    const nowMs = this.#clock.nowMs();
    if (isBusy || generatedTokens !== this.#generatedAtLastLook) this.#lastUsedMs = nowMs;
    this.#generatedAtLastLook = generatedTokens;
    return nowMs - this.#lastUsedMs;
  }
}
