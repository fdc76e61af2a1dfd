/**
 * How a model makes one vector of a text's tokens: their mean, the first (`cls`), the last, or, of a reranker, a score of two texts
 * instead of a vector.
 */
export type Pooling = 'mean' | 'cls' | 'last' | 'rank';

/** Text, or token ids as they are. */
export type EmbeddingInput = string | readonly number[];

export interface EmbedOptions {
  /** Texts that are too long lose their end; left out: `PromptTooLongError`. */
  readonly truncate?: boolean;
  readonly signal: AbortSignal;
}

export interface Embeddings {
  /** One of length 1 an input, in their order; each of `dimensions` numbers. */
  readonly vectors: readonly Float32Array[];
  readonly promptTokens: number;
}

export interface Ranking {
  /** One a document, in their order; the higher the better it fits the query. */
  readonly scores: readonly number[];
  readonly promptTokens: number;
}

/** Turns texts into vectors, or ranks them. */
export interface TextEmbedder {
  readonly dimensions: number;
  /** Tokens that one text may have. */
  readonly contextTokens: number;
  readonly pooling: Pooling;
  /** Throws `InvalidInputError` (a reranker has no vectors), `PromptTooLongError`, `OverloadedError`, or the signal's reason. */
  embed(inputs: readonly EmbeddingInput[], options: EmbedOptions): Promise<Embeddings>;
  /** Throws as `embed`; `InvalidInputError` for a model that is no reranker. */
  rank(query: string, documents: readonly string[], options: EmbedOptions): Promise<Ranking>;
}
