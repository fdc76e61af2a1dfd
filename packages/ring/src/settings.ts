import { InvalidInputError } from '@pippa/core';

/** How a conductor batches. Rows are tokens of a step. */
export interface ConductorSettings {
  /** Tokens one sequence may hold, prompt included. At most the chain's `contextCells`. */
  readonly contextTokens: number;
  /** Requests of each lane that may wait for a slot; those past it are told when to come back. */
  readonly maxQueued: number;
  /** Steps under way at once; left out: one a stage. More than that hides slow links. */
  readonly maxStepsInFlight?: number;
  /** Most prompt rows a step carries when nobody else is decoding. */
  readonly maxPrefillRows: number;
  /** Most prompt rows a step carries while others decode. */
  readonly sharedPrefillRows: number;
  /** While others decode, prompt rows are cut down to what takes about this long here: it is the pause between their tokens. */
  readonly sharedStepMs: number;
  /** Cells kept free for the growth of each sequence when another one is admitted, so that it is not preempted soon after. */
  readonly marginTokens: number;
  /** How long `stop` lets generations finish. */
  readonly drainMs: number;
  /** A batch-lane request that waited this long counts as interactive from then on, so that it cannot starve. */
  readonly batchAgeingMs: number;
  /** For comparisons between placements: see `FixedShapes`. */
  readonly fixedShapes?: FixedShapes;
}

/**
 * Makes the shapes of the steps, and with them the last bits of the logits, independent of the number of stages and of time. Prefixes
 * are not reused, and a preempted sequence is replayed in the shapes it had.
 */
export interface FixedShapes {
  /** Rows of every chunk of a prompt but its last. */
  readonly prefillRows: number;
  /**
   * `alone`: a step carries one sequence, so that its shapes depend on the request alone. A number: decoding sequences are dealt over so
   * many steps, which are also all that are under way; shapes then depend on the requests and the order of their arrival.
   */
  readonly decodeGroups: number | 'alone';
}

export const DEFAULT_CONDUCTOR_SETTINGS: Omit<ConductorSettings, 'contextTokens'> = {
  maxQueued: 256,
  maxPrefillRows: 512,
  sharedPrefillRows: 128,
  sharedStepMs: 200,
  marginTokens: 64,
  drainMs: 10_000,
  batchAgeingMs: 10_000,
};

/** Throws `InvalidInputError` for a setting that is not a whole number in its range. */
export function checkSettings(settings: ConductorSettings): void {
  const { fixedShapes } = settings;
  requireWhole('contextTokens', settings.contextTokens, 2);
  requireWhole('maxQueued', settings.maxQueued, 0);
  requireWhole('maxStepsInFlight', settings.maxStepsInFlight ?? 1, 1);
  requireWhole('maxPrefillRows', settings.maxPrefillRows, 1);
  requireWhole('sharedPrefillRows', settings.sharedPrefillRows, 1);
  requireWhole('marginTokens', settings.marginTokens, 0);
  requireWhole('fixedShapes.prefillRows', fixedShapes?.prefillRows ?? 1, 1);
  requireWhole('fixedShapes.decodeGroups', typeof fixedShapes?.decodeGroups === 'number' ? fixedShapes.decodeGroups : 1, 1);
}

function requireWhole(path: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InvalidInputError(`${path} is ${value}, but must be a whole number of at least ${least}.`, { path });
}

/** Steps under way at once, which is also the number of groups that decoding sequences are dealt over. */
export function stepsInFlight(settings: ConductorSettings, stages: number): number {
  const fixed = settings.fixedShapes?.decodeGroups;
  return typeof fixed === 'number' ? fixed : (settings.maxStepsInFlight ?? stages);
}
