import { cellsAhead, mostExpendable } from './cell-demand.ts';
import type { Sequence } from './sequence.ts';
import type { SlotState } from './slot-table.ts';

/** Caches are cut in blocks of at least this many cells, so that a full ring does not cut one with every step. */
const MIN_TRIM_CELLS = 256;

export interface RoomCircumstances {
  readonly running: readonly Sequence[];
  readonly slots: readonly SlotState[];
  readonly usedCells: number;
  readonly contextCells: number;
  readonly canTruncate: boolean;
}

export type RoomDecision =
  /** A cache without an owner keeps its first `length` tokens. */
  | { readonly kind: 'trim'; readonly slot: SlotState; readonly length: number }
  | { readonly kind: 'preempt'; readonly victim: Sequence };

/**
 * What to give up so that the sequences that run find cells for the tokens they have and the next one; undefined: nothing. Caches that
 * nobody uses go first, least recently used and from their ends, which are the least likely to be shared. Ask again after each
 * answer. Pure.
 */
export function decideRoom({ running, slots, usedCells, contextCells, canTruncate }: RoomCircumstances): RoomDecision | undefined {
  const missing = running.reduce((sum, sequence) => sum + cellsAhead(sequence), usedCells) - contextCells;
  if (missing <= 0) return undefined;
  const cache = slots
    .filter((slot) => slot.owner === undefined && slot.held > 0)
    .reduce<SlotState | undefined>(
      (oldest, slot) => (oldest !== undefined && oldest.lastUsed <= slot.lastUsed ? oldest : slot),
      undefined,
    );
  if (cache !== undefined) {
    const length = canTruncate ? Math.max(0, cache.held - Math.max(missing, MIN_TRIM_CELLS)) : 0;
    return { kind: 'trim', slot: cache, length };
  }
  // One alone always fits: a sequence holds at most `contextTokens`, which are no more than there are cells.
  const victim = running.length > 1 ? mostExpendable(running) : undefined;
  return victim === undefined ? undefined : { kind: 'preempt', victim };
}
