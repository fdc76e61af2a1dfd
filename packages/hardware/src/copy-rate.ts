/** Bytes copied so far, by all threads together. */
export interface CopySample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Two samples next to each other may lie a chunk apart: rates are taken over windows of this many. */
const WINDOW = 3;
/** Bus traffic of a copied byte: it is read once and written once. */
const TRAFFIC = 2;

/**
 * Bus traffic in bytes a second of the fastest window: other programs only ever make a copy slower. Undefined for too few samples,
 * or when nothing was copied.
 */
export function bestRate(samples: readonly CopySample[]): number | undefined {
  let best = 0;
  for (const [index, first] of samples.entries()) {
    const last = samples[index + WINDOW];
    if (last === undefined || last.atMs <= first.atMs) continue;
    best = Math.max(best, ((last.bytes - first.bytes) * TRAFFIC * 1000) / (last.atMs - first.atMs));
  }
  return best > 0 ? best : undefined;
}
