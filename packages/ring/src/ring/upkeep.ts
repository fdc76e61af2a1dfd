import type { Clock } from '@pippa/core';

/** Something that is done now and then while a ring is up; each time begins after the last one has ended. */
export interface Chore {
  readonly everyMs: number;
  readonly run: () => Promise<void> | void;
}

/** Does chores at their intervals until it is stopped. What a chore throws is told and does not keep it from the next time. */
export class Upkeep {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #timers = new Set<() => void>();
  #stopped = false;

  constructor(chores: readonly Chore[], { clock, onError }: { readonly clock: Clock; readonly onError: (error: unknown) => void }) {
    this.#clock = clock;
    this.#onError = onError;
    for (const chore of chores) this.#schedule(chore);
  }

  stop(): void {
    this.#stopped = true;
    for (const cancelTimer of this.#timers) cancelTimer();
    this.#timers.clear();
  }

  #schedule(chore: Chore): void {
    if (this.#stopped) return;
    const cancelTimer = this.#clock.schedule(chore.everyMs, () => {
      this.#timers.delete(cancelTimer);
      void this.#run(chore).finally(() => this.#schedule(chore));
    });
    this.#timers.add(cancelTimer);
  }

  async #run(chore: Chore): Promise<void> {
    try {
      await chore.run();
    } catch (error) {
      if (!this.#stopped) this.#onError(error);
    }
  }
}
