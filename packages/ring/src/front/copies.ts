import { StoppedError, type Clock, type Logger, type Mesh, type ModelId, type PeerId, type RingId } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import { planWithShape } from '../ring/choose-shape.ts';
import type { Ring } from '../ring/ring.ts';
import type { RingManager } from '../ring/ring-manager.ts';
import type { PlannedRing, RingPlanner } from '../ring/ring-planner.ts';
import { bringUpCopy } from './bring-up-copy.ts';
import type { CopySettings } from './copy-settings.ts';
import { surplus, wantsCopy } from './plan-copy.ts';
import type { KnownRing } from './mesh-rings.ts';

export interface CopiesParts {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly manager: RingManager;
  readonly planner: RingPlanner;
  readonly logger: Logger;
  readonly rings: () => readonly KnownRing[];
  readonly settings: CopySettings;
}

/**
 * Brings further rings of a model up on nodes with room while requests wait for the ones there are, and has those that wait share them. They
 * go again when nobody uses them (`plan-retirement.ts`).
 */
export class Copies {
  readonly #parts: CopiesParts;
  readonly #queuedSinceMs = new Map<RingId, number>();
  readonly #sharedUntilMs = new Map<RingId, number>();
  readonly #restUntilMs = new Map<ModelId, number>();
  readonly #copying = new Set<ModelId>();
  readonly #stopped = new AbortController();

  constructor(parts: CopiesParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped.abort(new StoppedError('The agent stops.'));
  }

  /** To be called every second or so. */
  look(): void {
    const { clock, manager, settings } = this.#parts;
    const nowMs = clock.nowMs();
    for (const times of [this.#queuedSinceMs, this.#sharedUntilMs])
      for (const id of times.keys()) if (!manager.rings.some((ring) => ring.id === id)) times.delete(id);
    for (const ring of manager.rings) {
      const { card: own } = ring;
      if (own.waiting === 0) {
        this.#queuedSinceMs.delete(ring.id);
        continue;
      }
      const sinceMs = this.#queuedSinceMs.get(ring.id) ?? nowMs;
      this.#queuedSinceMs.set(ring.id, sinceMs);
      const others = this.#othersOf(ring);
      if (wantsCopy({ own, queuedMs: nowMs - sinceMs, others, settings })) this.#begin(ring);
      else this.#share(ring);
    }
  }

  /** Those who wait for the ring ask again, where other rings have free slots for them. */
  #share(ring: Ring): void {
    const others = this.#othersOf(ring).filter(({ state }) => state === 'ready');
    const count = surplus(ring.card, others);
    const { clock, settings } = this.#parts;
    if (count === 0 || clock.nowMs() < (this.#sharedUntilMs.get(ring.id) ?? 0)) return;
    this.#sharedUntilMs.set(ring.id, clock.nowMs() + settings.shareMs);
    this.#parts.logger.info({ model: ring.manifest.name, ring: ring.id, count }, 'those who wait are sent to other rings');
    ring.conductor.sendOn(count);
  }

  #begin(ring: Ring): void {
    const { clock, logger, settings } = this.#parts;
    const model = ring.manifest.id;
    if (this.#copying.has(model) || clock.nowMs() < (this.#restUntilMs.get(model) ?? 0)) return;
    this.#copying.add(model);
    void this.#copy(ring, this.#stopped.signal)
      .catch((error: unknown) => {
        this.#restUntilMs.set(model, clock.nowMs() + settings.restMs);
        logger.debug({ err: error, model: ring.manifest.name }, 'no other copy came up');
      })
      .finally(() => this.#copying.delete(model));
  }

  /** Where there is room beside all that is loaded. Throws as `bringUpCopy`. */
  async #copy(ring: Ring, signal: AbortSignal): Promise<void> {
    const { mesh, planner, logger, rings } = this.#parts;
    const { manifest } = ring;
    const place = (wish: RingWish, excluded: ReadonlySet<PeerId>): PlannedRing =>
      planWithShape(manifest, wish, (shape) => planner.place({ manifest, wish, shape, excluded })).planned;
    await bringUpCopy(
      { mesh, rings, place },
      { manifest, wish: { ...ring.wish, keep: false, desired: false } },
      {
        signal,
        onPlanned: ({ stages }) =>
          logger.info({ model: manifest.name, nodes: stages.map(({ peer }) => peer) }, 'requests wait: bringing up another copy'),
      },
    );
  }

  #othersOf(ring: Ring): KnownRing['card'][] {
    const all = this.#parts.rings().map(({ card }) => card);
    return all.filter(({ model, ring: id }) => model === ring.manifest.id && id !== ring.id);
  }
}
