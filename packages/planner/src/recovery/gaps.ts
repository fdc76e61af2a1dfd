import type { StageRange } from '../types.ts';

/** Layers `[from, to)` that nobody holds. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** What is left uncovered by stages that do not overlap, in order. */
export function gapsBetween(stages: readonly StageRange[], layerCount: number): Gap[] {
  const gaps: Gap[] = [];
  let at = 0;
  for (const { from, to } of inOrder(stages)) {
    if (from > at) gaps.push({ from: at, to: from });
    at = Math.max(at, to);
  }
  if (at < layerCount) gaps.push({ from: at, to: layerCount });
  return gaps;
}

export function inOrder<Range extends Gap>(stages: readonly Range[]): Range[] {
  return stages.toSorted((a, b) => a.from - b.from);
}
