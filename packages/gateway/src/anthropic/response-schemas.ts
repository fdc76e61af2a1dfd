import { z } from '@hono/zod-openapi';

export const anthropicErrorResponse = z
  .object({
    type: z.literal('error'),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  })
  .openapi('AnthropicError');

const usage = z
  .object({
    input_tokens: z.int().openapi({ description: 'Prompt tokens that were worked on.' }),
    cache_creation_input_tokens: z.int(),
    cache_read_input_tokens: z.int().openapi({ description: 'Prompt tokens that were in the cache.' }),
    output_tokens: z.int(),
  })
  .openapi('AnthropicUsage');

const outputBlock = z.union([
  z.object({ type: z.literal('text'), text: z.string(), citations: z.null() }),
  z.object({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.looseObject({}) }),
]);

const stopReason = z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use']);

export const anthropicMessage = z
  .object({
    id: z.string(),
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: z.string(),
    content: z.array(outputBlock),
    stop_reason: stopReason.nullable(),
    stop_sequence: z.string().nullable(),
    usage,
  })
  .openapi('AnthropicMessageResponse');

export const anthropicStreamEvent = z
  .looseObject({
    type: z.enum([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
      'ping',
      'error',
    ]),
  })
  .openapi('AnthropicStreamEvent');

export const tokenCount = z.object({ input_tokens: z.int() }).openapi('AnthropicTokenCount');

export const anthropicModelInfo = z
  .object({ type: z.literal('model'), id: z.string(), display_name: z.string(), created_at: z.string() })
  .openapi('AnthropicModel');

export const anthropicModelList = z
  .object({
    data: z.array(anthropicModelInfo),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .openapi('AnthropicModelList');

export type AnthropicMessageResponse = z.output<typeof anthropicMessage>;
export type AnthropicUsage = z.output<typeof usage>;
export type AnthropicOutputBlock = z.output<typeof outputBlock>;
export type AnthropicStopReason = z.output<typeof stopReason>;
