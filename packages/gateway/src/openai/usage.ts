import type { z } from '@hono/zod-openapi';
import type { GenerationUsage } from '@pippa/core';
import type { FinishEvent } from './generations.ts';
import type { timings, usage } from './schemas/responses.ts';

type Usage = z.output<typeof usage>;
type Timings = z.output<typeof timings>;

/**
 * Adds up the generations of one request. Those of one prompt stand together, `perPrompt` of them, and count its tokens once.
 */
export function totalUsage(finishes: readonly FinishEvent[], perPrompt: number): Usage {
  const firsts = finishes.filter((_, index) => index % perPrompt === 0);
  const promptTokens = sum(firsts, ({ usage }) => usage.promptTokens);
  const completionTokens = sum(finishes, ({ usage }) => usage.generatedTokens);
  const counted = finishes.every(({ reasoningTokens }) => reasoningTokens !== undefined);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum(firsts, ({ usage }) => usage.cachedTokens) },
    ...(counted ? { completion_tokens_details: { reasoning_tokens: sum(finishes, (finish) => finish.reasoningTokens ?? 0) } } : {}),
  };
}

/** The times of llama.cpp's server, summed over the generations given. */
export function totalTimings(usages: readonly GenerationUsage[]): Timings {
  const cacheTokens = sum(usages, (usage) => usage.cachedTokens);
  const promptTokens = sum(usages, (usage) => usage.promptTokens) - cacheTokens;
  const promptMs = sum(usages, (usage) => usage.prefillMs);
  const predictedTokens = sum(usages, (usage) => usage.generatedTokens);
  const predictedMs = sum(usages, (usage) => usage.decodeMs);
  return {
    cache_n: cacheTokens,
    prompt_n: promptTokens,
    prompt_ms: promptMs,
    prompt_per_token_ms: ratio(promptMs, promptTokens),
    prompt_per_second: ratio(promptTokens * 1000, promptMs),
    predicted_n: predictedTokens,
    predicted_ms: predictedMs,
    predicted_per_token_ms: ratio(predictedMs, predictedTokens),
    predicted_per_second: ratio(predictedTokens * 1000, predictedMs),
  };
}

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** JSON has no infinity: nothing in no time is 0. */
const ratio = (numerator: number, denominator: number): number => (denominator > 0 ? numerator / denominator : 0);
