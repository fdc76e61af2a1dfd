import { z } from 'zod';
import { RING_LIMITS } from './limits.ts';
import { tokenField } from './fields.ts';

const penalty = z.number().min(-100).max(100);

/** `SamplerSettings` as they travel. */
export const samplerSettingsField = z.object({
  temperature: z.number().min(0).max(1000),
  topK: z.int().min(0).max(RING_LIMITS.vocabulary),
  topP: z.number().min(0).max(1),
  minP: z.number().min(0).max(1),
  typicalP: z.number().min(0).max(1),
  repeatPenalty: z.number().min(0).max(100),
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  penaltyLastTokens: z.int().min(0).max(RING_LIMITS.contextTokens),
  logitBias: z.array(z.tuple([tokenField, z.number()])).max(RING_LIMITS.logitBias),
  seed: z.int().min(0).max(0xff_ff_ff_ff),
  grammar: z.string().max(RING_LIMITS.grammarCharacters).exactOptional(),
  ignoreEndOfGeneration: z.boolean().exactOptional(),
});

/** `TokenLogprob` as it travels. */
export const logprobField = z.object({
  token: tokenField,
  logprob: z.number(),
  top: z.array(z.object({ token: tokenField, logprob: z.number() })).max(RING_LIMITS.logprobs),
});
