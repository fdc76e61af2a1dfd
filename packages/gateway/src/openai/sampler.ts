import type { SamplerSettings, ServedModel } from '@pippa/core';
import type { SharedRequest } from './schemas/request-fields.ts';

type Writable<T> = { -readonly [Key in keyof T]?: T[Key] };

const TWO_TO_32 = 2 ** 32;

/** Asks for a random seed, as in llama.cpp. */
const RANDOM_SEED = -1;

/** The sampler settings that a request names, for its answer number `index`; what it leaves out is left out. */
export function samplerSettings(body: SharedRequest, index: number, model: ServedModel): Partial<SamplerSettings> {
  const settings: Writable<SamplerSettings> = {};
  if (isGiven(body.temperature)) settings.temperature = body.temperature;
  if (isGiven(body.top_k)) settings.topK = Math.max(0, body.top_k);
  if (isGiven(body.top_p)) settings.topP = body.top_p;
  if (isGiven(body.min_p)) settings.minP = body.min_p;
  if (isGiven(body.typical_p)) settings.typicalP = body.typical_p;
  const repeatPenalty = body.repeat_penalty ?? body.repetition_penalty;
  if (isGiven(repeatPenalty)) settings.repeatPenalty = repeatPenalty;
  if (isGiven(body.presence_penalty)) settings.presencePenalty = body.presence_penalty;
  if (isGiven(body.frequency_penalty)) settings.frequencyPenalty = body.frequency_penalty;
  if (isGiven(body.repeat_last_n)) {
    settings.penaltyLastTokens = body.repeat_last_n === -1 ? model.contextTokens : body.repeat_last_n;
  }
  if (isGiven(body.logit_bias)) {
    settings.logitBias = Object.entries(body.logit_bias).map(([token, bias]) => [Number(token), bias] as const);
  }
  if (isGiven(body.seed) && body.seed !== RANDOM_SEED) settings.seed = seedOf(body.seed, index);
  if (isGiven(body.grammar) && body.grammar !== '') settings.grammar = body.grammar;
  if (isGiven(body.ignore_eos)) settings.ignoreEndOfGeneration = body.ignore_eos;
  return settings;
}

/** Any integer, and the number of the answer, as an unsigned 32-bit seed. */
function seedOf(seed: number, index: number): number {
  const remainder = seed % TWO_TO_32;
  return (remainder + index + TWO_TO_32) % TWO_TO_32;
}

/** Empty stop strings would end every answer at once; llama.cpp drops them too. */
export function stopStrings(stop: SharedRequest['stop']): readonly string[] {
  const all = typeof stop === 'string' ? [stop] : (stop ?? []);
  return all.filter((text) => text !== '');
}

const isGiven = <Value>(value: Value | null | undefined): value is Value => value !== null && value !== undefined;
