/** A part with a life of its own. Both calls are idempotent; `stop` is graceful within the part's own bound, then aborts. */
export interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
}
