/** A step of fetching a model. */
export interface PullProgress {
  /** What is being done, in a few words. */
  readonly status: string;
  /** Of the piece that `totalBytes` and `completedBytes` are about. */
  readonly digest?: string;
  readonly totalBytes?: number;
  readonly completedBytes?: number;
}

/** Fetches models onto this node. */
export interface ModelPuller {
  /** Ends when the model is there. Throws a `PippaError` that says why it is not, or the signal's reason. */
  pull(name: string, options: { readonly signal: AbortSignal }): AsyncIterable<PullProgress>;
}
