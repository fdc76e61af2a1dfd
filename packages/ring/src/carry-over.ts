import type { Slot } from '@pippa/core';
import { cellsAhead } from './cell-demand.ts';
import type { Sequence } from './sequence.ts';
import type { SlotState } from './slot-table.ts';

/** What a conductor counts on when its chain is replaced. */
export interface CarriedOver {
  /** By slot, how many positions every stage of the old chain certainly held; the new one's may hold more, which is removed. */
  readonly kept: ReadonlyMap<Slot, number>;
  /** Of the same slots: changes when a slot holds something else than more of the same. */
  readonly versions: ReadonlyMap<Slot, number>;
  /** The last step id that was used; the next one is higher. */
  readonly lastStep: number;
  /** Stages shall keep what they send on, so that a lost one can be given it again. */
  readonly journals: boolean;
}

export interface CarryOverCircumstances {
  readonly running: readonly Sequence[];
  readonly contextCells: number;
  /** False: caches cannot be cut back to what is certain, so nothing can be kept. */
  readonly canTruncate: boolean;
  /** Sequences are computed again in the shapes they had: from their beginning. */
  readonly fixedShapes: boolean;
}

/**
 * Which sequences stay in their slots while stages are replaced, and how much of them. A new stage shares no cells between slots, so those
 * that would not fit side by side, the youngest first, wait to be computed again. Pure.
 */
export function planCarryOver({
  running,
  contextCells,
  canTruncate,
  fixedShapes,
}: CarryOverCircumstances): ReadonlyMap<Slot, number> {
  const kept = new Map<Slot, number>();
  if (!canTruncate || fixedShapes) return kept;
  let cells = 0;
  for (const sequence of running.toSorted((a, b) => Number(b.urgent) - Number(a.urgent) || a.id - b.id)) {
    const { slot } = sequence;
    if (slot === undefined || slot.committed === 0) continue;
    const needed = slot.committed + cellsAhead({ pending: sequence.tokens.length - slot.committed });
    if (cells + needed > contextCells) continue;
    cells += needed;
    kept.set(slot.index, slot.committed);
  }
  return kept;
}

/** Sequences that have a place in the new table go on in it and stay among the running ones; the others are given back, to wait. */
export function moveSequences(running: Sequence[], slots: readonly SlotState[], nowMs: number): Sequence[] {
  const waiting: Sequence[] = [];
  for (const sequence of running.splice(0)) {
    const slot = slots.find((each) => each.owner === sequence);
    if (slot !== undefined) {
      sequence.moveTo(slot, slot.held);
      running.push(sequence);
      continue;
    }
    sequence.leave();
    sequence.waitingSinceMs = nowMs;
    waiting.push(sequence);
  }
  return waiting;
}
