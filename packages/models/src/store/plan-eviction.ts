import type { ModelId } from '@pippa/core';

/** Pieces of one model on this disk. */
export interface EvictionCandidate {
  readonly id: ModelId;
  readonly name: string;
  readonly bytes: number;
  /** Wall-clock milliseconds. */
  readonly usedMs: number;
  /** A ring that is up or wished for needs them, or they are just being got. */
  readonly isNeeded: boolean;
  /** Other nodes that stay have all of them too. */
  readonly isElsewhere: boolean;
}

export interface EvictionPlan {
  readonly evict: readonly ModelId[];
  /** Bytes that are missing even so. */
  readonly shortBytes: number;
  /** What stays although it is not used, and why. */
  readonly kept: readonly { readonly name: string; readonly bytes: number; readonly why: 'needed' | 'last copy' }[];
}

/** What must go so that `wantedBytes` are freed: the pieces that were used longest ago first; never needed ones, never a last copy. */
export function planEviction(candidates: readonly EvictionCandidate[], wantedBytes: number): EvictionPlan {
  const evict: ModelId[] = [];
  const kept: { name: string; bytes: number; why: 'needed' | 'last copy' }[] = [];
  let left = wantedBytes;
  for (const { id, name, bytes, isNeeded, isElsewhere } of candidates.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (isNeeded || !isElsewhere) {
      kept.push({ name, bytes, why: isNeeded ? 'needed' : 'last copy' });
    } else if (left > 0) {
      evict.push(id);
      left -= bytes;
    }
  }
  return { evict, shortBytes: Math.max(0, left), kept };
}
