import { z } from '@hono/zod-openapi';
import {
  MAX_CHOICES,
  MAX_GRAMMAR_CHARS,
  MAX_LOGIT_BIAS_ENTRIES,
  MAX_NAME_CHARS,
  MAX_STOP_CHARS,
  MAX_STOP_STRINGS,
  MAX_TEMPERATURE,
  MAX_TOKENS,
} from './bounds.ts';
import { jsonObject } from './json-object.ts';

const describe = <Schema extends z.ZodType>(schema: Schema, description: string): Schema => schema.openapi({ description });

/** An upper bound of generated tokens; -1 is how llama.cpp and LM Studio spell "no bound". */
export const tokenBound = z.int().min(-1).max(MAX_TOKENS).nullish();

const stopString = z.string().max(MAX_STOP_CHARS);

const logitBias = jsonObject
  .refine((biases) => Object.keys(biases).length <= MAX_LOGIT_BIAS_ENTRIES, {
    error: `expected at most ${MAX_LOGIT_BIAS_ENTRIES} entries`,
    params: { reason: 'object_above_max_properties' },
  })
  .pipe(z.record(z.string().regex(/^\d{1,10}$/), z.number().min(-100).max(100)))
  .openapi({ type: 'object', additionalProperties: { type: 'number', minimum: -100, maximum: 100 } });

/**
 * What chat and plain completions share. Every field may be null, as clients send it for "not set". Fields that are not listed
 * are accepted and have no effect: real clients send many that only one server knows.
 */
export const sharedRequestFields = {
  model: describe(z.string().min(1).max(MAX_NAME_CHARS).nullish(), 'Name of the model. May be left out when just one is loaded.'),
  stream: describe(z.boolean().nullish(), 'Send the answer as server-sent events.'),
  stream_options: z
    .object({ include_usage: describe(z.boolean().nullish(), 'Send a last chunk with the usage and no choices.') })
    .nullish(),
  n: describe(z.int().min(1).max(MAX_CHOICES).nullish(), 'How many answers; answer i is drawn with seed + i.'),
  max_tokens: describe(tokenBound, 'Most tokens to generate; -1 for as many as the context holds.'),
  stop: describe(
    z.union([stopString, z.array(stopString).max(MAX_STOP_STRINGS)]).nullish(),
    'Texts that end the answer; they are left out.',
  ),
  seed: describe(
    z
      .number()
      .refine(Number.isInteger, { error: 'expected an integer', params: { reason: 'invalid_type' } })
      .nullish(),
    'The same seed and request give the same answer. Taken modulo 2^32; -1 draws a random one.',
  ),
  temperature: describe(z.number().min(0).max(MAX_TEMPERATURE).nullish(), '0 always takes the most likely token.'),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: describe(logitBias.nullish(), 'Token id to a bias of -100 .. 100 that is added to its logit.'),
  user: describe(z.string().nullish(), 'Accepted, no effect.'),
  top_k: describe(z.int().min(-1).max(MAX_TOKENS).nullish(), '0 or -1 turns it off (llama.cpp, vLLM).'),
  min_p: describe(z.number().min(0).max(1).nullish(), '0 turns it off (llama.cpp, vLLM).'),
  typical_p: describe(z.number().min(0).max(1).nullish(), '1 turns it off (llama.cpp).'),
  repeat_penalty: describe(z.number().positive().max(10).nullish(), '1 turns it off (llama.cpp).'),
  repetition_penalty: describe(z.number().positive().max(10).nullish(), 'The same, under the name vLLM gives it.'),
  repeat_last_n: describe(
    z.int().min(-1).max(MAX_TOKENS).nullish(),
    'Tokens the penalties look back; -1 for the whole context (llama.cpp).',
  ),
  ignore_eos: describe(z.boolean().nullish(), "Go on past the model's own end (llama.cpp, vLLM)."),
  grammar: describe(z.string().max(MAX_GRAMMAR_CHARS).nullish(), 'GBNF grammar that the answer must follow (llama.cpp).'),
};

/** The shared fields after the schema. */
export type SharedRequest = z.output<z.ZodObject<typeof sharedRequestFields>>;
