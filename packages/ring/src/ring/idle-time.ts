import type { Clock } from '@pippa/core';

/** How long nobody has used a ring. */
export class IdleTime {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #lastUsedMs: number;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#lastUsedMs = clock.nowMs();
  }

  /** Milliseconds; 0 while it is busy. `lastTokenMs`: when it gave its last token, by the same clock; undefined: it gave none yet. */
  look({ isBusy, lastTokenMs }: { readonly isBusy: boolean; readonly lastTokenMs: number | undefined }): number {
    const nowMs = this.#clock.nowMs();
    this.#lastUsedMs = isBusy ? nowMs : Math.max(this.#lastUsedMs, lastTokenMs ?? 0);
    return nowMs - this.#lastUsedMs;
  }
}
