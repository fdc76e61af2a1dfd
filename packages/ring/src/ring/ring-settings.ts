import { DEFAULT_CONDUCTOR_SETTINGS, type ConductorSettings, type FixedShapes } from '../settings.ts';

/** How a ring behaves when something is wrong. */
export interface RingSettings {
  readonly conductor: Omit<ConductorSettings, 'contextTokens'>;
  /** How long lost stages are sought a new place before the ring gives up: a laptop that wakes up again is back within it. */
  readonly recoverMs: number;
  /** Pause between two tries to mend a ring while nothing changes in the mesh. */
  readonly retryMs: number;
  /** How long a stage may take to open its way to the next one. */
  readonly linkMs: number;
  /** A step under way for so long, with a suspect node in the ring, means that the node is given up. */
  readonly overdueMs: number;
  /** A ring that breaks so often without one result in between has something that no new place mends. */
  readonly maxFruitlessRepairs: number;
  /** Whether second copies of stages are loaded where there is room. */
  readonly keepsSpares: boolean;
  /** How often a ring looks whether another spare is wanted, or one is of no use any more. */
  readonly lookMs: number;
  /** How often a ring looks whether a node has become slow. */
  readonly rebalanceMs: number;
  /** How long moving layers off a slow node waits for a moment in which nobody waits for tokens. */
  readonly idleWithinMs: number;
  /** How far behind its stage the cache of a spare may be, in tokens of an answer, before it is given more. */
  readonly checkpointTokens: number;
  /** How often a ring looks whether a spare is that far behind. */
  readonly checkpointMs: number;
}

export const DEFAULT_RING_SETTINGS: RingSettings = {
  conductor: DEFAULT_CONDUCTOR_SETTINGS,
  recoverMs: 60_000,
  retryMs: 500,
  linkMs: 5000,
  overdueMs: 1500,
  maxFruitlessRepairs: 3,
  keepsSpares: true,
  lookMs: 5000,
  rebalanceMs: 20_000,
  idleWithinMs: 30_000,
  checkpointTokens: 32,
  checkpointMs: 250,
};

/** Steps whose last bits do not depend on who else is there, nor on when a sequence is computed again. */
export const EXACT_SHAPES: FixedShapes = { prefillRows: 64, decodeGroups: 'alone' };

/** Rows of a step where one stage has the whole model: llama.cpp's own micro-batch. */
export const WHOLE_MODEL_ROWS = 512;
/** A cut model's prompts go in smaller chunks, so that its stages work on several at once. */
export const CUT_MODEL_ROWS = 256;
/** Context of one conversation when nobody asks for another: long enough for chats, small beside the weights. */
export const DEFAULT_CONTEXT_TOKENS = 8192;
/** Below this a ring does not go to make a model fit on its own. */
export const SMALLEST_DEFAULT_CONTEXT = 1024;
