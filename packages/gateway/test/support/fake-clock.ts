import type { Clock } from '@pippa/core';

interface Entry {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that a test turns by hand. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #entries = new Set<Entry>();

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const entry = { dueMs: this.#nowMs + delayMs, callback };
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Passes time, calling back whatever falls due on the way, in order. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const due = [...this.#entries].filter((entry) => entry.dueMs <= endMs).sort((left, right) => left.dueMs - right.dueMs)[0];
      if (due === undefined) break;
      this.#entries.delete(due);
      this.#nowMs = due.dueMs;
      due.callback();
    }
    this.#nowMs = endMs;
  }
}
