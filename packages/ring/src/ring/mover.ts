import { untilFirst, type Clock, type Logger, type Mesh, type PeerId } from '@pippa/core';
import type { RingSettings } from './ring-settings.ts';
import { closeAll } from './realise.ts';
import type { Replacement, StageSet } from './stage-set.ts';

export interface MoverParts {
  readonly stages: StageSet;
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RingSettings;
  readonly isReady: () => boolean;
  /** Somebody waits for tokens. */
  readonly isInUse: () => boolean;
  /** What the stages take for a token, milliseconds each. */
  readonly stageMs: () => readonly number[];
  /** The answers pause while `adopt` takes over and the stages are linked again. */
  readonly goOver: (adopt: () => void) => Promise<void>;
  /** The ring is not wanted any more. */
  readonly signal: AbortSignal;
}

/** Moves stages elsewhere while their ring goes on: away from nodes that leave, and off slow ones. */
export class Mover {
  readonly #parts: MoverParts;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** As `Ring.vacate`. */
  async vacate(peer: PeerId): Promise<void> {
    const { stages, mesh, logger, isReady, signal } = this.#parts;
    const holds = stages.connections.some((connection) => connection.peer === peer);
    if (!isReady() || peer === mesh.self || !holds) return;
    await this.#move(
      () => stages.openBeside(peer, signal),
      () => logger.info({ peer }, 'moving stages away from a node that leaves'),
    );
  }

  /**
   * Layers of a node that has become slow go to others, between two answers where there is such a moment soon. What cannot be loaded beside
   * what runs stays where it is.
   */
  async rebalance(): Promise<void> {
    const { stages, logger, stageMs, signal } = this.#parts;
    const planned = stages.rebalance(stageMs());
    if (planned === undefined) return;
    await this.#move(
      async () => {
        const replacement = await stages.openReplacement(planned, signal);
        try {
          await this.#untilIdle();
        } catch (error) {
          replacement.discard();
          throw error;
        }
        return replacement;
      },
      () => logger.info({ stages: planned.stages, reasons: planned.reasons }, 'moving layers off a slow node'),
    );
  }

  /** Goes over to stages that are opened beside those there are; the pause is for giving them what those hold. */
  async #move(open: () => Promise<Replacement>, onReady: () => void): Promise<void> {
    const { stages, isReady, goOver } = this.#parts;
    const { epoch } = stages;
    const replacement = await open();
    if (!isReady() || stages.epoch !== epoch) {
      // Mended meanwhile, for another reason: that placement stands.
      replacement.discard();
      return;
    }
    onReady();
    let leaving: ReturnType<Replacement['adopt']> = [];
    await goOver(() => (leaving = replacement.adopt()));
    closeAll(leaving);
  }

  /** Until nobody waits for tokens, within bounds. */
  async #untilIdle(): Promise<void> {
    const { clock, settings, isInUse, signal } = this.#parts;
    const sinceMs = clock.nowMs();
    while (isInUse() && clock.nowMs() - sinceMs < settings.idleWithinMs) {
      await untilFirst(signal, [(done) => clock.schedule(settings.retryMs, done)]);
    }
  }
}
