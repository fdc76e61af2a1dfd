import type { ChatMessage, FinishReason } from '@pippa/core';

/** Pieces of an answer, in order; `finish` comes last. */
export type AnswerPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'finish'; readonly reason: FinishReason; readonly promptTokens: number; readonly generatedTokens: number };

/** Who `run` talks to: a model in this process, or an agent over HTTP. */
export interface Partner {
  readonly model: string;
  /** Where the answers come from, to follow the model's name: `at http://127.0.0.1:11500`. */
  readonly place: string;
  /**
   * Throws an error with the code `context_length_exceeded` when the messages don't fit, and the signal's reason.
   */
  answer(messages: readonly ChatMessage[], options: { readonly signal: AbortSignal }): AsyncIterable<AnswerPart>;
  stop(): Promise<void>;
}
