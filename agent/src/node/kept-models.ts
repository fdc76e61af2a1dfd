import type { Clock, Logger, Mesh, ModelId, PeerId } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import type { RingRouter } from '@pippa/ring';

/** Whoever has the answers of a lost conductor places its ring anew at once; nodes that keep the same model do not all begin together. */
const LOST_FOR_MS = 2000;
const APART_MS = 3000;
/** A ring that goes over to another conductor is on nobody's card for a moment. */
const TAKEN_DOWN_FOR_MS = 10_000;

export interface KeptModelsParts {
  readonly mesh: Pick<Mesh, 'self' | 'peer'>;
  readonly router: Pick<RingRouter, 'rings'>;
  /** Settles when there is a ring. */
  readonly bringBack: (wish: RingWish) => Promise<void>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** `0 <= n < 1` */
  readonly random: () => number;
  readonly logger: Logger;
}

interface Kept {
  readonly wish: RingWish;
  readonly patienceMs: number;
  /** Of its last ring. */
  conductor: PeerId | undefined;
  missingSinceMs: number | undefined;
  isComing: boolean;
}

/**
 * Models that somebody wants to stay up. A ring outlives all of its nodes but its conductor; when that one is gone, the ring comes up again
 * without anybody asking. One that was taken down stays down.
 */
export class KeptModels {
  readonly #parts: KeptModelsParts;
  readonly #kept = new Map<ModelId, Kept>();

  constructor(parts: KeptModelsParts) {
    this.#parts = parts;
  }

  /** `wish`: of a ring that is up. */
  keep(wish: RingWish): void {
    const patienceMs = LOST_FOR_MS + APART_MS * this.#parts.random();
    this.#kept.set(wish.model.id, { wish, patienceMs, conductor: undefined, missingSinceMs: undefined, isComing: false });
    this.look();
  }

  forget(model: ModelId): void {
    this.#kept.delete(model);
  }

  /** To be called now and then. */
  look(): void {
    const { router, clock } = this.#parts;
    const rings = router.rings();
    for (const [id, kept] of this.#kept) {
      const ring = rings.find(({ card }) => card.model === id);
      if (ring !== undefined) {
        kept.conductor = ring.conductor;
        kept.missingSinceMs = undefined;
        continue;
      }
      if (kept.isComing || kept.conductor === undefined) continue;
      kept.missingSinceMs ??= clock.nowMs();
      const missingMs = clock.nowMs() - kept.missingSinceMs;
      if (!this.#isGone(kept.conductor)) {
        if (missingMs >= TAKEN_DOWN_FOR_MS) this.#kept.delete(id);
      } else if (missingMs >= kept.patienceMs) this.#bringBack(kept);
    }
  }

  #bringBack(kept: Kept): void {
    const { bringBack, logger } = this.#parts;
    kept.isComing = true;
    logger.info(
      { scope: 'rings', model: kept.wish.model.name },
      'the conductor of a ring that is to stay is gone: the ring comes up again',
    );
    void bringBack(kept.wish).finally(() => (kept.isComing = false));
  }

  #isGone(conductor: PeerId): boolean {
    const { mesh } = this.#parts;
    return conductor !== mesh.self && (mesh.peer(conductor)?.state ?? 'dead') === 'dead';
  }
}
