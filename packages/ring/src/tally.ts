type Counted =
  | 'steps'
  | 'promptTokens'
  | 'cachedTokens'
  | 'generatedTokens'
  | 'completed'
  | 'cancelled'
  | 'failed'
  | 'rejected'
  | 'preemptions';

/** What a conductor has done since its start; `ConductorSnapshot` says what each number is. */
export type Tally = Record<Counted, number>;

export function emptyTally(): Tally {
  return {
    steps: 0,
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    completed: 0,
    cancelled: 0,
    failed: 0,
    rejected: 0,
    preemptions: 0,
  };
}
