import type { Clock } from '@pippa/core';

/** Rounds of the event loop that pass within a millisecond of simulated time. */
const LOOPS_PER_MS = 2;

/** Time that goes on only while a test lets it: everything happens in the same order in every run. */
export class SimulatedTime implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Lets time pass until `isDone`; false when that takes more than `limitMs`. `onMs` is called every millisecond. */
  async run(isDone: () => boolean, limitMs: number, onMs: (nowMs: number) => void = () => {}): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    while (!isDone()) {
      if (this.#nowMs >= endMs) return false;
      for (let loop = 0; loop < LOOPS_PER_MS; loop += 1) await new Promise<void>((resolve) => setImmediate(resolve));
      this.#nowMs += 1;
      onMs(this.#nowMs);
      const due = this.#timers.filter((timer) => timer.atMs <= this.#nowMs).sort((a, b) => a.atMs - b.atMs);
      this.#timers = this.#timers.filter((timer) => timer.atMs > this.#nowMs);
      for (const timer of due) timer.callback();
    }
    return true;
  }
}
