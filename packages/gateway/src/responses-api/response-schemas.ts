import { z } from '@hono/zod-openapi';

const tokenLogprob = z.object({ token: z.string(), bytes: z.array(z.int()), logprob: z.number() });
const logprobs = z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) }));
const status = z.enum(['in_progress', 'completed', 'incomplete']);

const outputText = z.object({ type: z.literal('output_text'), text: z.string(), annotations: z.array(z.unknown()), logprobs });
const reasoningText = z.object({ type: z.literal('reasoning_text'), text: z.string() });

export const outputItem = z
  .union([
    z.object({ id: z.string(), type: z.literal('message'), status, role: z.literal('assistant'), content: z.array(outputText) }),
    z.object({
      id: z.string(),
      type: z.literal('reasoning'),
      status,
      summary: z.array(z.unknown()),
      content: z.array(reasoningText),
      encrypted_content: z.string().optional(),
    }),
    z.object({
      id: z.string(),
      type: z.literal('function_call'),
      status,
      call_id: z.string(),
      name: z.string(),
      arguments: z.string(),
    }),
  ])
  .openapi('ResponseOutputItem');

const usage = z
  .object({
    input_tokens: z.int(),
    input_tokens_details: z.object({ cached_tokens: z.int() }),
    output_tokens: z.int(),
    output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    total_tokens: z.int(),
  })
  .openapi('ResponseUsage');

export const responseObject = z
  .object({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.int(),
    completed_at: z.int().nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: z.int().nullable(),
    model: z.string(),
    output: z.array(outputItem),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.string().nullable(),
    reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }),
    store: z.boolean(),
    temperature: z.number().nullable(),
    text: z.looseObject({ format: z.looseObject({ type: z.string() }) }),
    tool_choice: z.unknown(),
    tools: z.array(z.unknown()),
    top_p: z.number().nullable(),
    truncation: z.literal('disabled'),
    usage: usage.nullable(),
    user: z.string().nullable(),
    metadata: z.looseObject({}),
    background: z.literal(false),
  })
  .openapi('ResponseObject');

export const responseEvent = z.looseObject({ type: z.string(), sequence_number: z.int() }).openapi('ResponseEvent');

export const responseDeleted = z
  .object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) })
  .openapi('ResponseDeleted');

export const inputItemList = z
  .object({
    object: z.literal('list'),
    data: z.array(z.looseObject({ id: z.string(), type: z.string() })),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .openapi('ResponseInputItemList');

export const inputTokens = z
  .object({ object: z.literal('response.input_tokens'), input_tokens: z.int() })
  .openapi('ResponseInputTokens');

export type OutputItem = z.output<typeof outputItem>;
export type OutputLogprob = z.output<typeof logprobs>[number];
export type ResponseObject = z.output<typeof responseObject>;
