import type { Pooling } from '@pippa/core';

export interface EmbedderOptions {
  /** The model's GGUF files, in order. */
  readonly paths: readonly string[];
  /** Tokens that one text may have; at most what the model was trained for. */
  readonly contextTokens: number;
  /** Tokens that the engine computes at once, over all texts. */
  readonly maxRows: number;
  /** CPU threads. */
  readonly threads: number;
  /** `off` keeps everything on the CPU. */
  readonly gpu: 'auto' | 'off';
  /** Instead of the model's own; for generative models, which have none. */
  readonly pooling?: 'mean' | 'last';
}

export interface EmbedderInfo {
  readonly dimensions: number;
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly pooling: Pooling;
  /** Tokens and texts of one call of the engine. */
  readonly maxRows: number;
  readonly maxTexts: number;
  readonly backend: string;
}
