import { z } from '@hono/zod-openapi';

export const errorResponse = z
  .object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string().nullable() }),
  })
  .openapi('Error');

export const usage = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({ cached_tokens: z.int() }),
    completion_tokens_details: z.object({ reasoning_tokens: z.int() }).optional(),
  })
  .openapi('Usage');

export const timings = z
  .object({
    cache_n: z.int().openapi({ description: 'Prompt tokens that were in the cache.' }),
    prompt_n: z.int().openapi({ description: 'Prompt tokens that were worked on.' }),
    prompt_ms: z.number(),
    prompt_per_token_ms: z.number(),
    prompt_per_second: z.number(),
    predicted_n: z.int(),
    predicted_ms: z.number(),
    predicted_per_token_ms: z.number(),
    predicted_per_second: z.number(),
  })
  .openapi('Timings');

const finishReason = z.enum(['stop', 'length', 'tool_calls']);

const topLogprob = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) });
export const chatLogprobs = z
  .object({ content: z.array(topLogprob.extend({ top_logprobs: z.array(topLogprob) })), refusal: z.null() })
  .openapi('ChatLogprobs');

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const identity = { id: z.string(), created: z.int(), model: z.string(), system_fingerprint: z.string() };

export const chatCompletion = z
  .object({
    ...identity,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          reasoning_content: z.string().optional(),
          tool_calls: z.array(toolCall).optional(),
        }),
        logprobs: chatLogprobs.nullable(),
        finish_reason: finishReason,
      }),
    ),
    usage,
    timings,
  })
  .openapi('ChatCompletion');

export const chatCompletionChunk = z
  .object({
    ...identity,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().nullish(),
          reasoning_content: z.string().optional(),
          tool_calls: z
            .array(
              z.object({
                index: z.int(),
                id: z.string().optional(),
                type: z.literal('function').optional(),
                function: z.object({ name: z.string().optional(), arguments: z.string() }),
              }),
            )
            .optional(),
        }),
        logprobs: chatLogprobs.nullable(),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: usage.nullish(),
    timings: timings.optional(),
  })
  .openapi('ChatCompletionChunk');

export const completionLogprobs = z
  .object({
    text_offset: z.array(z.int()),
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  })
  .openapi('CompletionLogprobs');

const completionChoice = z.object({
  text: z.string(),
  index: z.int(),
  logprobs: completionLogprobs.nullable(),
  finish_reason: finishReason.nullable(),
});

export const completion = z
  .object({ ...identity, object: z.literal('text_completion'), choices: z.array(completionChoice), usage, timings })
  .openapi('Completion');

export const completionChunk = z
  .object({
    ...identity,
    object: z.literal('text_completion'),
    choices: z.array(completionChoice),
    usage: usage.nullish(),
    timings: timings.optional(),
  })
  .openapi('CompletionChunk');

export const model = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    context_length: z.int(),
    meta: z.object({ architecture: z.string(), n_params: z.number(), n_ctx: z.int(), size: z.number() }),
  })
  .openapi('Model');

export const modelList = z.object({ object: z.literal('list'), data: z.array(model) }).openapi('ModelList');
