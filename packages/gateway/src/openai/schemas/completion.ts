import { z } from '@hono/zod-openapi';
import { MAX_CHOICES, MAX_TEXT_CHARS, MAX_TOP_LOGPROBS } from './bounds.ts';
import { sharedRequestFields } from './request-fields.ts';

/** Body of `POST /v1/completions`. */
export const completionRequest = z
  .object({
    ...sharedRequestFields,
    // Read by hand (`readPrompts`): four array types in a union would report an error for each of a million tokens.
    prompt: z.unknown().openapi({
      description: 'A text, several texts, the token ids of one prompt, or those of several.',
      anyOf: [
        { type: 'string', maxLength: MAX_TEXT_CHARS },
        { type: 'array', items: { type: 'string', maxLength: MAX_TEXT_CHARS } },
        { type: 'array', items: { type: 'integer' } },
        { type: 'array', items: { type: 'array', items: { type: 'integer' } } },
      ],
    }),
    echo: z.boolean().nullish().openapi({
      description: 'Put the prompt before the answer; with `logprobs`, those of its tokens too, which takes a step a token.',
    }),
    best_of: z.int().min(1).max(MAX_CHOICES).nullish().openapi({ description: 'Generate this many and return the `n` likeliest.' }),
    logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
    suffix: z
      .string()
      .max(MAX_TEXT_CHARS)
      .nullish()
      .openapi({ description: 'Text after what is to be written, for models that fill in the middle.' }),
  })
  .openapi('CompletionRequest');

export type CompletionBody = z.output<typeof completionRequest>;
