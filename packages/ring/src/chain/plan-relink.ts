import type { Slot } from '@pippa/core';

/** What the stages are told when they are linked again, and who gives back what was lost. */
export interface RelinkPlan {
  /** Stage by stage, whether its cache is of use. */
  readonly caches: readonly ('keep' | 'empty')[];
  /** The stages whose caches are to be filled from the journal of the one before `from`, up to and with `to`. Undefined: none. */
  readonly gap: { readonly from: number; readonly to: number } | undefined;
}

/**
 * What a ring keeps of its caches. `holds`: whether a stage holds all that the conductor counts on; false for new ones. Everything from
 * the first stage that does not to the last one has to be computed again; those before and behind keep what they have. Where the
 * first stage itself is new, or there is nothing to be kept, all begin anew. Pure.
 */
export function planRelink(holds: readonly boolean[], isWorthKeeping: boolean): RelinkPlan {
  const from = holds.indexOf(false);
  if (!isWorthKeeping || from === 0) return { caches: holds.map(() => 'empty'), gap: undefined };
  if (from < 0) return { caches: holds.map(() => 'keep'), gap: undefined };
  const to = holds.lastIndexOf(false);
  return { caches: holds.map((_, index) => (index < from || index > to ? 'keep' : 'empty')), gap: { from, to } };
}

/** What the stages of a gap get back of a slot. */
export interface ReplayedSlot {
  /** Positions that all of them have already. */
  readonly from: number;
  /** What they have then. */
  readonly to: number;
}

/**
 * What the stages of a gap get back: of each slot what is wanted, as far as all of them hold it already (`held`, one map a stage) or the
 * journal has it. Slots of which nothing can be had are left out. Pure.
 */
export function planReplay(
  wanted: ReadonlyMap<Slot, number>,
  journal: readonly (readonly [Slot, number])[],
  held: readonly ReadonlyMap<Slot, number>[],
): ReadonlyMap<Slot, ReplayedSlot> {
  const journaled = new Map(journal);
  return new Map(
    [...wanted].flatMap(([slot, length]) => {
      const from = Math.min(length, ...held.map((stage) => stage.get(slot) ?? 0));
      const to = Math.max(from, Math.min(length, journaled.get(slot) ?? 0));
      return to > 0 ? [[slot, { from, to }] as const] : [];
    }),
  );
}
