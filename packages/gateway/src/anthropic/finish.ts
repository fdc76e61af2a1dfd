import type { PromptUsage } from '@pippa/core';
import type { FinishEvent } from '../openai/generations.ts';
import type { AnthropicStopReason, AnthropicUsage } from './response-schemas.ts';

/** Why an answer ended, and by which of the request's own sequences. */
export function stopOf(
  { reason, stopString }: FinishEvent,
  sequences: readonly string[],
): { readonly stop_reason: AnthropicStopReason; readonly stop_sequence: string | null } {
  // The chat template's own stop strings are the model's end to a client.
  if (stopString !== undefined && sequences.includes(stopString))
    return { stop_reason: 'stop_sequence', stop_sequence: stopString };
  if (reason === 'tool_calls') return { stop_reason: 'tool_use', stop_sequence: null };
  return { stop_reason: reason === 'length' ? 'max_tokens' : 'end_turn', stop_sequence: null };
}

/** Anthropic counts what was in the cache apart from what was worked on. */
export function usageOf({ promptTokens, cachedTokens }: PromptUsage, outputTokens: number): AnthropicUsage {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: outputTokens,
  };
}
