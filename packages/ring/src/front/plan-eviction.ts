import type { CardRing, ModelId, RingId } from '@pippa/core';

export interface EvictionCircumstances {
  /** The model that wants room. */
  readonly model: ModelId;
  /** All rings of the mesh. */
  readonly rings: readonly CardRing[];
  /** When a ring was used last, wall-clock milliseconds; undefined: nobody tells. */
  readonly lastUsedMs: (ring: CardRing) => number | undefined;
  /** Whether the model would have room if these were gone. */
  readonly fits: (gone: ReadonlySet<RingId>) => boolean;
}

/**
 * Which idle rings go for a model that finds no room beside them: first copies of models that are up elsewhere too, then the ones used least
 * lately, those that somebody wants to stay last; no more than it takes, and none where all of them would not do. Pure.
 */
export function planEviction({ model, rings, lastUsedMs, fits }: EvictionCircumstances): readonly RingId[] {
  const idle = rings.filter((ring) => ring.model !== model && ring.state === 'ready' && ring.running + ring.waiting === 0);
  const order = idle
    .map((ring) => ({ ring: ring.ring, worth: worthOf(ring, rings), usedMs: lastUsedMs(ring) ?? Infinity }))
    .toSorted((a, b) => a.worth - b.worth || (a.usedMs === b.usedMs ? 0 : a.usedMs - b.usedMs));
  const gone = new Set<RingId>();
  for (const { ring } of order) {
    gone.add(ring);
    if (fits(gone)) return withoutNeedless([...gone], fits);
  }
  return [];
}

/** What lies on other nodes than those with too little room goes for nothing: the most worth of it stays first. */
function withoutNeedless(chosen: readonly RingId[], fits: EvictionCircumstances['fits']): readonly RingId[] {
  let needed = chosen;
  for (const ring of chosen.toReversed()) {
    const fewer = needed.filter((other) => other !== ring);
    if (fewer.length < needed.length && fits(new Set(fewer))) needed = fewer;
  }
  return needed;
}

function worthOf(ring: CardRing, rings: readonly CardRing[]): number {
  const isDouble = rings.some((other) => other.model === ring.model && other.ring !== ring.ring && other.state === 'ready');
  if (ring.isCopy === true && isDouble) return 0;
  return ring.isKept === true ? 2 : 1;
}
