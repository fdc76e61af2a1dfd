import type { Clock, Logger } from '@pippa/core';
import type { SleepListener, SleepNotice } from '@pippa/hardware';
import type { MeshNode } from '@pippa/mesh';
import type { RingRouter } from '@pippa/ring';

export interface SleepMannersParts {
  readonly router: Pick<RingRouter, 'handOver'>;
  readonly mesh: Pick<MeshNode, 'doze' | 'wake'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Kept back of the time that the system gives: for the goodbyes. */
const GOODBYE_MS = 500;
/** A machine that still runs so long after it said that it would sleep was kept from it. */
const STILL_AWAKE_MS = 60_000;

/** A machine that is about to sleep has its layers taken over and says goodbye; when it wakes it is back, as one that has nothing loaded. */
export class SleepManners implements SleepListener {
  readonly #parts: SleepMannersParts;
  #cancelWake: (() => void) | undefined;
  /** Counts the times it woke: a sleep that was called off meanwhile is over. */
  #wakings = 0;

  constructor(parts: SleepMannersParts) {
    this.#parts = parts;
  }

  onWillSleep(notice: SleepNotice): void {
    void this.#goToSleep(notice);
  }

  onDidWake(): void {
    const { mesh, logger } = this.#parts;
    this.#wakings += 1;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    logger.info({ scope: 'node' }, 'this machine was away: looking for the others again');
    mesh.wake();
  }

  stop(): void {
    this.#cancelWake?.();
  }

  async #goToSleep({ withinMs, release }: SleepNotice): Promise<void> {
    const { mesh, clock, logger } = this.#parts;
    const wakings = this.#wakings;
    logger.info({ scope: 'node', withinMs }, 'this machine is about to sleep: others take over its layers');
    this.#cancelWake?.();
    this.#cancelWake = clock.schedule(STILL_AWAKE_MS, () => this.onDidWake());
    try {
      // Timers stand still while the machine sleeps.
      if (withinMs > GOODBYE_MS) await this.#handOver(withinMs - GOODBYE_MS);
    } catch (error) {
      logger.warn({ scope: 'node', err: error }, 'not everything was taken over before this machine slept');
    } finally {
      if (wakings === this.#wakings) await mesh.doze().catch(() => {});
      release();
    }
  }

  async #handOver(withinMs: number): Promise<void> {
    const { router, clock } = this.#parts;
    const late = new AbortController();
    const cancel = clock.schedule(withinMs, () => late.abort(new Error(`It took longer than ${withinMs} ms.`)));
    try {
      await router.handOver(late.signal);
    } finally {
      cancel();
    }
  }
}
