/** When a model comes up more than once, and when its copies go again. */
export interface CopySettings {
  /** Most rings of one model; 1: no copies. */
  readonly most: number;
  /** Requests must have waited for so long without a break: a burst that is over before a copy is loaded needs none. */
  readonly queuedMs: number;
  /** Between two times that waiting requests are sent on: by then cards tell where the last ones went. */
  readonly shareMs: number;
  /** When there was no room, it is looked again after so long. */
  readonly restMs: number;
  /** A copy that nobody has used for so long goes: there was much to do, and there may soon be again. */
  readonly idleMs: number;
}

export const DEFAULT_COPY_SETTINGS: CopySettings = { most: 4, queuedMs: 3000, shareMs: 2500, restMs: 15_000, idleMs: 120_000 };
