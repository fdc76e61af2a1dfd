import type { Clock, Logger, Mesh } from '@pippa/core';
import type { RingRouter, StageHost } from '@pippa/ring';
import { planRelief } from './plan-relief.ts';

export interface ReliefParts {
  readonly mesh: Pick<Mesh, 'card'>;
  readonly host: Pick<StageHost, 'giveUpSpare'>;
  readonly router: Pick<RingRouter, 'vacate'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}

/** Whom nobody could relieve is tried again after so long. */
const AGAIN_MS = 60_000;
/** Most that handing over takes. */
const WITHIN_MS = 30_000;

/** Relieves this machine when it is in trouble, as told on its own card. */
export class ReliefWatch {
  readonly #parts: ReliefParts;
  #lastMs = -Infinity;
  #busy = false;

  constructor(parts: ReliefParts) {
    this.#parts = parts;
  }

  /** To be called now and then. */
  async look(): Promise<void> {
    const { mesh, host, router, clock, logger } = this.#parts;
    const relief = planRelief(mesh.card);
    if (relief === 'none' || this.#busy) return;
    this.#busy = true;
    try {
      while (await host.giveUpSpare());
      if (relief !== 'stages' || mesh.card.stages.length === 0 || clock.nowMs() - this.#lastMs < AGAIN_MS) return;
      this.#lastMs = clock.nowMs();
      const { memoryPressure, thermalPressure, power } = mesh.card;
      logger.info(
        { scope: 'node', memoryPressure, thermalPressure, power },
        'this machine is in trouble: others take over its layers',
      );
      await router.vacate(AbortSignal.timeout(WITHIN_MS));
    } catch (error) {
      logger.warn({ scope: 'node', err: error }, 'not everything was taken over');
    } finally {
      this.#busy = false;
    }
  }
}
