/** How a conductor batches. Rows are tokens of a step. */
export interface ConductorSettings {
  /** Tokens one sequence may hold, prompt included. At most the chain's `contextCells`. */
  readonly contextTokens: number;
  /** Requests that may wait for a slot; those past it are told to come back. */
  readonly maxQueued: number;
  /** Largest prefill chunk on one stage when nobody else is decoding. */
  readonly maxPrefillRows: number;
  /** Largest prefill chunk while others decode or steps overlap: bounds the time between their tokens. */
  readonly sharedPrefillRows: number;
  /** How long `stop` lets running generations finish. */
  readonly drainMs: number;
  /** A waiting batch-lane request counts as interactive after this long, so that it cannot starve. */
  readonly batchAgeingMs: number;
  /**
   * For comparisons between placements: a step carries rows of one sequence only, prefill chunks have just this size. Step shapes then
   * depend on the request alone, not on the number of stages or on who else is there.
   */
  readonly fixedPrefillRows?: number;
}

export const DEFAULT_CONDUCTOR_SETTINGS: Omit<ConductorSettings, 'contextTokens'> = {
  maxQueued: 256,
  maxPrefillRows: 512,
  sharedPrefillRows: 128,
  drainMs: 10_000,
  batchAgeingMs: 10_000,
};

/** Chunks are multiples of this: matrix kernels work in tiles of it. */
const PREFILL_TILE_ROWS = 32;

/**
 * Rows of a prompt's next chunk. Over n stages a prompt should give about 8 n chunks, or the stages wait for each other at both ends of
 * the pipeline; chunks below a tile waste the kernels.
 */
export function prefillChunkRows(
  settings: ConductorSettings,
  prompt: { readonly length: number },
  stages: number,
  othersDecode: boolean,
): number {
  if (settings.fixedPrefillRows !== undefined) return settings.fixedPrefillRows;
  const largest = stages > 1 || othersDecode ? settings.sharedPrefillRows : settings.maxPrefillRows;
  if (stages === 1) return largest;
  const overlapping = Math.round(prompt.length / (8 * stages) / PREFILL_TILE_ROWS) * PREFILL_TILE_ROWS;
  return Math.min(largest, Math.max(PREFILL_TILE_ROWS, overlapping));
}
