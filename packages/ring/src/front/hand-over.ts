import type { Logger, Mesh } from '@pippa/core';
import { planWithShape } from '../ring/choose-shape.ts';
import type { Ring } from '../ring/ring.ts';
import type { RingManager } from '../ring/ring-manager.ts';
import type { RingPlanner } from '../ring/ring-planner.ts';
import { askConductor, upCommand } from './ask-conductor.ts';
import type { KnownRing } from './mesh-rings.ts';

export interface HandOverParts {
  readonly mesh: Mesh;
  readonly manager: RingManager;
  readonly planner: RingPlanner;
  readonly logger: Logger;
  readonly rings: () => readonly KnownRing[];
}

/** Gives what this node holds to others. Nothing is thrown but the signal's reason. */
export class HandOver {
  readonly #parts: HandOverParts;

  constructor(parts: HandOverParts) {
    this.#parts = parts;
  }

  /** Stages, and rings of its own that somebody uses. */
  async all(signal: AbortSignal): Promise<void> {
    const inUse = this.#parts.manager.rings.filter((ring) => ring.isInUse);
    await this.#settle([...this.#vacating(signal), ...inUse.map((ring) => this.#bringUpElsewhere(ring, signal))], signal);
  }

  /** Stages of rings that others conduct. */
  async stages(signal: AbortSignal): Promise<void> {
    await this.#settle(this.#vacating(signal), signal);
  }

  /** Conductors elsewhere are asked to do without this node. */
  #vacating(signal: AbortSignal): Promise<unknown>[] {
    const { mesh, rings } = this.#parts;
    return rings()
      .filter(({ conductor, card }) => conductor !== mesh.self && card.stages.some((stage) => stage.peer === mesh.self))
      .map(({ conductor, card }) => askConductor(mesh, conductor, { kind: 'vacate', ring: card.ring }, { signal }));
  }

  async #settle(moves: readonly Promise<unknown>[], signal: AbortSignal): Promise<void> {
    for (const moved of await Promise.allSettled(moves)) {
      if (moved.status === 'rejected') this.#parts.logger.warn({ err: moved.reason }, 'something could not be handed over');
    }
    signal.throwIfAborted();
  }

  async #bringUpElsewhere({ manifest, wish }: Ring, signal: AbortSignal): Promise<void> {
    const { mesh, planner } = this.#parts;
    const excluded = new Set([mesh.self]);
    const { planned } = planWithShape(manifest, wish, (shape) => planner.place({ manifest, wish, shape, excluded }));
    const conductor = planned.stages[0]?.peer;
    if (conductor === undefined) return;
    await askConductor(mesh, conductor, upCommand(wish, planned), { signal });
  }
}
