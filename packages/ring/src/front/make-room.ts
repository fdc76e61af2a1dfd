import type { Clock, Logger, ModelId, ModelManifest, PeerId, RingId } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import { planWithShape } from '../ring/choose-shape.ts';
import type { RingManager } from '../ring/ring-manager.ts';
import { PlacementRefusedError, type PlannedRing, type RingPlanner } from '../ring/ring-planner.ts';
import { planEviction } from './plan-eviction.ts';
import type { KnownRing } from './mesh-rings.ts';
import type { BringUpProgress } from './bring-ups.ts';

export interface MakeRoomParts {
  readonly planner: RingPlanner;
  readonly manager: RingManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rings: () => readonly KnownRing[];
  /** Rings that nobody conducts any more, with stages that are still told of; `lost`: nodes that are certainly gone. */
  readonly unconducted: (lost: ReadonlySet<PeerId>) => ReadonlySet<RingId>;
  /** Settles when something may be otherwise. */
  readonly untilChanged: (signal: AbortSignal) => Promise<void>;
  /** Settles when the ring is down and its memory free; throws when that cannot be had. */
  readonly takeDown: (ring: KnownRing, signal: AbortSignal) => Promise<void>;
}

export interface RoomWish {
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  /** Nodes that must not hold stages. */
  readonly excluded: ReadonlySet<PeerId>;
  /** Nodes that are gone, though their cards may be there still. */
  readonly lost: ReadonlySet<PeerId>;
}

/** Nodes that hold stages of a lost conductor find out within this, and tell that their memory is free. */
const FREED_WITHIN_MS = 5000;

type NextStep =
  | { readonly kind: 'planned'; readonly planned: PlannedRing }
  /** What nobody conducts any more will do. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'evict'; readonly going: readonly KnownRing[] };

/** Plans a ring, and takes idle ones down (`planEviction`) where it does not fit beside them. */
export class MakeRoom {
  readonly #parts: MakeRoomParts;

  constructor(parts: MakeRoomParts) {
    this.#parts = parts;
  }

  /** Throws `PlacementRefusedError` when it does not fit even so: nothing goes then. */
  async place(
    { manifest, wish, excluded, lost }: RoomWish,
    { onProgress, signal }: { readonly onProgress: (progress: BringUpProgress) => void; readonly signal: AbortSignal },
  ): Promise<PlannedRing> {
    const { planner, clock, logger, takeDown, unconducted, untilChanged } = this.#parts;
    const untilMs = clock.nowMs() + FREED_WITHIN_MS;
    const plan = (mayShrink: boolean, gone: ReadonlySet<RingId>): PlannedRing =>
      planWithShape(manifest, wish, (shape) => planner.place({ manifest, wish, shape, excluded, gone }), { mayShrink }).planned;
    for (;;) {
      const freed = clock.nowMs() < untilMs ? unconducted(lost) : new Set<RingId>();
      const next = this.#next(manifest.id, plan, freed);
      if (next.kind === 'planned') return next.planned;
      if (next.kind === 'wait') {
        onProgress({ fraction: 0, message: 'waiting for memory that is being freed' });
        await untilChanged(signal);
        signal.throwIfAborted();
        continue;
      }
      for (const idle of next.going) {
        logger.info({ model: idle.card.name, for: manifest.name }, 'taking an idle ring down to make room');
        onProgress({ fraction: 0, message: `making room: ${idle.card.name} goes` });
        await takeDown(idle, signal);
      }
    }
  }

  /** The plan, or what goes for one; an idle model is worth less than the context of the one that is wanted now. Throws as `place`. */
  #next(
    model: ModelId,
    plan: (mayShrink: boolean, gone: ReadonlySet<RingId>) => PlannedRing,
    freed: ReadonlySet<RingId>,
  ): NextStep {
    const step = (mayShrink: boolean): NextStep | PlacementRefusedError => {
      const planned = planOrRefusal(() => plan(mayShrink, new Set()));
      if (!(planned instanceof PlacementRefusedError)) return { kind: 'planned', planned };
      const fits = (gone: ReadonlySet<RingId>): boolean =>
        !(planOrRefusal(() => plan(mayShrink, gone)) instanceof PlacementRefusedError);
      if (freed.size > 0 && fits(freed)) return { kind: 'wait' };
      const going = this.#evictable(model, fits);
      if (going.length > 0) return { kind: 'evict', going };
      // Idle rings go when the rest is free.
      const together = freed.size > 0 && this.#evictable(model, (gone) => fits(gone.union(freed))).length > 0;
      return together ? { kind: 'wait' } : planned;
    };
    const whole = step(false);
    if (!(whole instanceof PlacementRefusedError)) return whole;
    const shrunk = step(true);
    if (shrunk instanceof PlacementRefusedError) throw shrunk;
    return shrunk;
  }

  #evictable(model: ModelId, fits: (gone: ReadonlySet<RingId>) => boolean): KnownRing[] {
    const { manager, clock, rings } = this.#parts;
    const known = rings();
    const going = planEviction({
      model,
      rings: known.map(({ card }) => card),
      lastUsedMs: (card) => {
        const own = manager.rings.find((ring) => ring.id === card.ring);
        return own === undefined ? card.lastUsedMs : clock.wallMs() - own.idleMs();
      },
      fits,
    });
    return going.flatMap((id) => known.find(({ card }) => card.ring === id) ?? []);
  }
}

function planOrRefusal(plan: () => PlannedRing): PlannedRing | PlacementRefusedError {
  try {
    return plan();
  } catch (error) {
    if (error instanceof PlacementRefusedError) return error;
    throw error;
  }
}
