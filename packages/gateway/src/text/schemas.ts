import { z } from '@hono/zod-openapi';
import { MAX_NAME_CHARS, MAX_TEMPERATURE, MAX_TEXT_CHARS, MAX_TOKENS } from '../openai/schemas/bounds.ts';
import { MAX_VALUE_CHARS } from './operation.ts';

/** Texts of one request; each is at least one whole answer. */
export const MAX_TEXT_INPUTS = 128;

const input = z.string().max(MAX_TEXT_CHARS);

/** How the model writes; in the query or in the JSON body. */
const settings = {
  model: z.string().min(1).max(MAX_NAME_CHARS).optional(),
  seed: z.int().optional(),
  temperature: z.number().min(0).max(MAX_TEMPERATURE).optional(),
  max_tokens: z.int().min(1).max(MAX_TOKENS).optional(),
  stream: z.boolean().optional(),
};

export const textRequest = z
  .object({
    input: z
      .union([input, z.array(input).min(1).max(MAX_TEXT_INPUTS)])
      .openapi({ description: 'A text, or several that are worked on side by side.' }),
    variables: z
      .record(z.string().max(128), z.string().max(MAX_VALUE_CHARS))
      .optional()
      .openapi({ description: 'Such as `{ "to": "German" }`; may stand in the query too.' }),
    ...settings,
  })
  .openapi('TextRequest');

export const textQuery = z.object(settings);

export const textResponse = z
  .object({
    object: z.literal('text'),
    operation: z.string(),
    model: z.string(),
    output: z.string().optional().openapi({ description: 'Of one text.' }),
    outputs: z.array(z.string()).optional().openapi({ description: 'Of several, in their order.' }),
    usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
  })
  .openapi('TextResponse');

export const textEvent = z
  .object({ index: z.int(), delta: z.string() })
  .openapi('TextEvent', { description: 'A piece of the result of the text with this index.' });

export const operationList = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        name: z.string(),
        description: z.string(),
        source: z.enum(['shipped', 'file']),
        model: z.string().optional(),
        long: z.enum(['each', 'reduce']).optional(),
        variables: z.array(z.object({ name: z.string(), description: z.string().optional(), default: z.string().optional() })),
      }),
    ),
    problems: z
      .array(z.object({ file: z.string(), message: z.string() }))
      .openapi({ description: 'Files that should hold an operation and do not.' }),
  })
  .openapi('TextOperationList');

export type TextQuery = z.output<typeof textQuery>;
