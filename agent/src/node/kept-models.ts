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
  /** Settles when there is a ring; never when `signal` is given before. */
  readonly bringBack: (wish: RingWish, signal: AbortSignal) => Promise<void>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** `0 <= n < 1` */
  readonly random: () => number;
  readonly logger: Logger;
}

interface Kept {
  readonly wish: RingWish;
  readonly patienceMs: number;
  readonly forgotten: AbortController;
  /** Of its last ring. */
  conductor: PeerId | undefined;
  missingSinceMs: number | undefined;
  isComing: boolean;
  /** Somebody took it down. */
  isDown: boolean;
}

/**
 * Models that somebody wants to stay up. A ring outlives all of its nodes but its conductor; when that one is gone, or finds no room for what
 * was lost, the ring comes up again without anybody asking. One that was taken down stays down.
 */
export class KeptModels {
  readonly #parts: KeptModelsParts;
  readonly #kept = new Map<ModelId, Kept>();

  constructor(parts: KeptModelsParts) {
    this.#parts = parts;
  }

  /** `wish`: of a ring that is up. */
  keep(wish: RingWish): void {
    this.#add(wish);
    this.look();
  }

  /** `wish`: of a ring of this node that ended because it could not be mended. It comes up again when there is room for it. */
  bringBack(wish: RingWish): void {
    this.#bringBack(this.#kept.get(wish.model.id) ?? this.#add(wish));
  }

  /** It is not brought up again, or all of them are not. */
  forget(model?: ModelId): void {
    for (const [id, { forgotten }] of this.#kept) {
      if (model !== undefined && id !== model) continue;
      forgotten.abort();
      this.#kept.delete(id);
    }
  }

  /** To be called now and then. */
  look(): void {
    const { router, clock } = this.#parts;
    const rings = router.rings();
    for (const [id, kept] of this.#kept) {
      const ring = rings.find(({ card }) => card.model === id);
      if (ring !== undefined) {
        // What a request brought up since then goes as it came.
        if (kept.isDown && ring.card.isKept !== true) this.#kept.delete(id);
        Object.assign(kept, { conductor: ring.conductor, missingSinceMs: undefined, isDown: false });
        continue;
      }
      if (kept.isComing || kept.isDown || kept.conductor === undefined) continue;
      kept.missingSinceMs ??= clock.nowMs();
      const missingMs = clock.nowMs() - kept.missingSinceMs;
      if (!this.#isGone(kept.conductor)) {
        // Or its conductor waits for room for it.
        if (missingMs >= TAKEN_DOWN_FOR_MS) kept.isDown = true;
      } else if (missingMs >= kept.patienceMs) this.#bringBack(kept);
    }
  }

  #add(wish: RingWish): Kept {
    const patienceMs = LOST_FOR_MS + APART_MS * this.#parts.random();
    const state = { conductor: undefined, missingSinceMs: undefined, isComing: false, isDown: false };
    const kept: Kept = { wish, patienceMs, forgotten: new AbortController(), ...state };
    this.#kept.set(wish.model.id, kept);
    return kept;
  }

  #bringBack(kept: Kept): void {
    const { bringBack, logger } = this.#parts;
    if (kept.isComing) return;
    kept.isComing = true;
    logger.info({ scope: 'rings', model: kept.wish.model.name }, 'a ring that is to stay was lost: it comes up again');
    void bringBack(kept.wish, kept.forgotten.signal).finally(() => (kept.isComing = false));
  }

  #isGone(conductor: PeerId): boolean {
    const { mesh } = this.#parts;
    return conductor !== mesh.self && (mesh.peer(conductor)?.state ?? 'dead') === 'dead';
  }
}
