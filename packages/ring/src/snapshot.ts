import type { SpeedSnapshot } from './step-statistics.ts';

/**
 * `created` until `start`, `ready`, `recovering` while lost stages are replaced, `draining` while `stop` waits, then `stopped`;
 * `failed` when they cannot be.
 */
export type ConductorState = 'created' | 'ready' | 'recovering' | 'draining' | 'stopped' | 'failed';

/** What a conductor is doing and has done. */
export interface ConductorSnapshot {
  readonly state: ConductorState;
  readonly running: number;
  readonly waiting: number;
  readonly slots: number;
  readonly freeSlots: number;
  /** KV cells that hold tokens, idle caches included; a shared one counts once. */
  readonly usedCells: number;
  readonly contextCells: number;
  readonly stepsInFlight: number;
  /** Since the start, as all that follow. */
  readonly steps: number;
  readonly promptTokens: number;
  /** Prompt tokens whose KV was there already. */
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  /** Generations that came to their end. */
  readonly completed: number;
  /** Generations whose consumer left or aborted. */
  readonly cancelled: number;
  /** Generations that ended with an error: a grammar, a lost stage, the stop. */
  readonly failed: number;
  /** Requests turned away because the queue was full, or sent on to another ring of the model. */
  readonly rejected: number;
  /** Times a sequence had to give up its place and be replayed. */
  readonly preemptions: number;
  readonly speed: SpeedSnapshot;
}
