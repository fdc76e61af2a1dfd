import { StoppedError, type Clock, type Logger, type Mesh, type ModelId, type PeerId, type RingId } from '@pippa/core';
import { isOutrun } from '@pippa/planner';
import type { RingWish } from '@pippa/protocol';
import { planWithShape } from '../ring/choose-shape.ts';
import type { Ring } from '../ring/ring.ts';
import type { RingManager } from '../ring/ring-manager.ts';
import { PlacementRefusedError, type PlannedRing, type RingPlanner } from '../ring/ring-planner.ts';
import { bringUpCopy } from './bring-up-copy.ts';
import type { CopySettings } from './copy-settings.ts';
import { mayBeOutrun, surplus, wantsCopy } from './plan-copy.ts';
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

/** After a node alone was tried: where its prediction was wrong, the model must not be loaded there again and again. */
const PIN_REST_MS = 900_000;

interface Beginning {
  readonly why: string;
  /** Throws `PlacementRefusedError`. */
  readonly place: (wish: RingWish, excluded: ReadonlySet<PeerId>) => PlannedRing;
  /** Where it is noted when there was no room: looking for one kind of copy must not keep the other from being looked for. */
  readonly restUntilMs: Map<ModelId, number>;
  /** For how long it is not looked again after a copy came up. */
  readonly restMs: number;
}

/**
 * Brings further rings of a model up on nodes with room while requests wait for the ones there are, and has those that wait share them; and
 * one on a node alone that outruns a ring of several by far (auto-pin). They go again when nobody uses them (`plan-retirement.ts`).
 */
export class Copies {
  readonly #parts: CopiesParts;
  readonly #queuedSinceMs = new Map<RingId, number>();
  readonly #sharedUntilMs = new Map<RingId, number>();
  readonly #restUntilMs = new Map<ModelId, number>();
  readonly #restFromPinsUntilMs = new Map<ModelId, number>();
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
      const others = this.#othersOf(ring);
      if (mayBeOutrun({ own, others, settings })) {
        this.#begin(ring, {
          restMs: PIN_REST_MS,
          why: 'one node alone is much faster: bringing the model up there',
          place: (wish, excluded) => this.#outrunning(ring, { ...wish, stageCount: 1 }, excluded),
          restUntilMs: this.#restFromPinsUntilMs,
        });
      }
      if (own.waiting === 0) {
        this.#queuedSinceMs.delete(ring.id);
        continue;
      }
      const sinceMs = this.#queuedSinceMs.get(ring.id) ?? nowMs;
      this.#queuedSinceMs.set(ring.id, sinceMs);
      if (wantsCopy({ own, queuedMs: nowMs - sinceMs, others, settings }))
        this.#begin(ring, {
          why: 'requests wait: bringing up another copy',
          place: (wish, excluded) => this.#place(ring, wish, excluded),
          restUntilMs: this.#restUntilMs,
          restMs: 0,
        });
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

  #begin(ring: Ring, beginning: Beginning): void {
    const { restUntilMs, restMs } = beginning;
    const { clock, logger, settings } = this.#parts;
    const model = ring.manifest.id;
    if (this.#copying.has(model) || clock.nowMs() < (restUntilMs.get(model) ?? 0)) return;
    this.#copying.add(model);
    void this.#copy(ring, beginning, this.#stopped.signal)
      .then(() => void restUntilMs.set(model, clock.nowMs() + restMs))
      .catch((error: unknown) => {
        restUntilMs.set(model, clock.nowMs() + settings.restMs);
        logger.debug({ err: error, model: ring.manifest.name }, 'no other copy came up');
      })
      .finally(() => this.#copying.delete(model));
  }

  /** Throws as `bringUpCopy`. */
  async #copy(ring: Ring, { why, place }: Beginning, signal: AbortSignal): Promise<void> {
    const { mesh, logger, rings } = this.#parts;
    const { manifest } = ring;
    await bringUpCopy(
      { mesh, rings, place },
      { manifest, wish: { ...ring.wish, keep: false, desired: false } },
      { signal, onPlanned: ({ stages }) => logger.info({ model: manifest.name, nodes: stages.map(({ peer }) => peer) }, why) },
    );
  }

  /** Where there is room beside all that is loaded. */
  #place({ manifest }: Ring, wish: RingWish, excluded: ReadonlySet<PeerId>): PlannedRing {
    const { planner } = this.#parts;
    return planWithShape(manifest, wish, (shape) => planner.place({ manifest, wish, shape, excluded })).planned;
  }

  /** One node that is predicted to be much faster alone than the ring was measured. */
  #outrunning(ring: Ring, wish: RingWish, excluded: ReadonlySet<PeerId>): PlannedRing {
    const { measuredTokensPerSecond, stages } = ring.card;
    const planned = this.#place(ring, wish, excluded);
    const isFaster = isOutrun(
      { stageCount: stages.length, measuredTokensPerSecond },
      { tokensPerSecond: planned.predictedTokensPerSecond },
    );
    if (planned.stages.length === 1 && isFaster) return planned;
    throw new PlacementRefusedError('No node alone is much faster.');
  }

  #othersOf(ring: Ring): KnownRing['card'][] {
    const all = this.#parts.rings().map(({ card }) => card);
    return all.filter(({ model, ring: id }) => model === ring.manifest.id && id !== ring.id);
  }
}
