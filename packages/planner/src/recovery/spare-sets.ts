import type { StageRange } from '../types.ts';
import type { Gap } from './gaps.ts';

/** Most spares that are combined; a ring has one or two for a stage. */
const MOST = 10;

/**
 * Sets of spares that can stand in side by side: within the gaps, none over another, no node twice. Those that cover most come
 * first, the empty set last.
 */
export function spareSets(
  spares: readonly StageRange[],
  gaps: readonly Gap[],
  bytesOf: (gap: Gap) => number,
): readonly (readonly StageRange[])[] {
  const useful = spares
    .filter((spare) => gaps.some((gap) => spare.from >= gap.from && spare.to <= gap.to))
    .toSorted((a, b) => bytesOf(b) - bytesOf(a))
    .slice(0, MOST);
  let sets: StageRange[][] = [[]];
  for (const spare of useful) {
    const joined = sets.filter((set) => set.every((other) => agree(spare, other))).map((set) => [...set, spare]);
    sets = [...joined, ...sets];
  }
  const covered = (set: readonly StageRange[]): number => set.reduce((sum, spare) => sum + bytesOf(spare), 0);
  // Of those that cover the same, the fewest pieces.
  return sets.toSorted((a, b) => covered(b) - covered(a) || a.length - b.length);
}

function agree(a: StageRange, b: StageRange): boolean {
  return a.peer !== b.peer && (a.to <= b.from || b.to <= a.from);
}
