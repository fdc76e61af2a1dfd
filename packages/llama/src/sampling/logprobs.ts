import type { TokenId, TokenLogprob } from '@pippa/core';
import { createCandidates, collectCandidates } from './candidates.ts';
import { DEFAULT_SAMPLER_SETTINGS } from '@pippa/core';

/** Natural log probabilities of `token` and the `count` likeliest, from the model's own logits (before any sampler). */
export function tokenLogprob(logits: Float32Array, token: TokenId, count: number): TokenLogprob {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  const normaliser = largest + Math.log(sum);
  const top: { token: TokenId; logprob: number }[] = [];
  if (count > 0) {
    const candidates = createCandidates();
    collectCandidates(logits, { ...DEFAULT_SAMPLER_SETTINGS, seed: 0, topK: count }, candidates);
    for (let index = 0; index < Math.min(count, candidates.size); index += 1) {
      top.push({ token: candidates.tokens[index] as number, logprob: (candidates.logits[index] as number) - normaliser });
    }
  }
  return { token, logprob: (logits[token] as number) - normaliser, top };
}
