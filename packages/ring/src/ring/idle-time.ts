import type { Clock } from '@pippa/core';

const MINUTE_MS = 60_000;

/** How long nobody has used a ring. */
export class IdleTime {
  readonly #clock: Pick<Clock, 'nowMs' | 'wallMs'>;
  #lastUsedMs: number;
  #lastUsedMinute: number;

  constructor(clock: Pick<Clock, 'nowMs' | 'wallMs'>) {
    this.#clock = clock;
    this.#lastUsedMs = clock.nowMs();
    this.#lastUsedMinute = minuteOf(clock.wallMs());
  }

  /**
   * When it was used last as others are told: wall-clock milliseconds, up to the full minute, so that it changes once a minute at most and
   * not at all while nobody uses it.
   */
  get lastUsedMinute(): number {
    return this.#lastUsedMinute;
  }

  /** Milliseconds; 0 while it is busy. `lastTokenMs`: when it gave its last token, by the same clock; undefined: it gave none yet. */
  look({ isBusy, lastTokenMs }: { readonly isBusy: boolean; readonly lastTokenMs: number | undefined }): number {
    const nowMs = this.#clock.nowMs();
    const lastUsedMs = isBusy ? nowMs : Math.max(this.#lastUsedMs, lastTokenMs ?? 0);
    // The wall clock is set now and then: what was told stays until the ring is used again.
    if (lastUsedMs > this.#lastUsedMs) this.#lastUsedMinute = minuteOf(this.#clock.wallMs() - (nowMs - lastUsedMs));
    this.#lastUsedMs = lastUsedMs;
    return nowMs - lastUsedMs;
  }
}

function minuteOf(wallMs: number): number {
  return Math.ceil(wallMs / MINUTE_MS) * MINUTE_MS;
}
