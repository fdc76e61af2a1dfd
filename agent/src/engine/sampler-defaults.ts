import type { SamplerSettings } from '@pippa/core';
import { getNumber, type GgufMetadata } from '@pippa/gguf';

/** What a model's header recommends (`general.sampling.*`, as llama.cpp reads it). */
export function samplerDefaults(metadata: GgufMetadata): Partial<SamplerSettings> {
  const recommended = {
    temperature: getNumber(metadata, 'general.sampling.temp'),
    topK: getNumber(metadata, 'general.sampling.top_k'),
    topP: getNumber(metadata, 'general.sampling.top_p'),
    minP: getNumber(metadata, 'general.sampling.min_p'),
    penaltyLastTokens: getNumber(metadata, 'general.sampling.penalty_last_n'),
    repeatPenalty: getNumber(metadata, 'general.sampling.penalty_repeat'),
  };
  return Object.fromEntries(Object.entries(recommended).filter(([, value]) => value !== undefined));
}
