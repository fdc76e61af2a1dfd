import { z } from '@hono/zod-openapi';
import {
  MAX_CONTENT_PARTS,
  MAX_MESSAGES,
  MAX_NAME_CHARS,
  MAX_TEMPERATURE,
  MAX_TOKENS,
  MAX_TOOL_DESCRIPTION_CHARS,
  MAX_TOOLS,
  MAX_TOP_LOGPROBS,
} from '../openai/schemas/bounds.ts';
import { toolName } from '../openai/schemas/chat.ts';
import { jsonObject } from '../openai/schemas/json-object.ts';
import { tokenBound } from '../openai/schemas/request-fields.ts';
import { name, text } from '../openai/schemas/texts.ts';

const contentPart = z.object({ type: name, text: text.nullish(), refusal: text.nullish() }).openapi('ResponseContentPart', {
  description: 'Of type `input_text`, `output_text`, `refusal`, `reasoning_text` or `summary_text`.',
});
const parts = z.array(contentPart).max(MAX_CONTENT_PARTS);

/** One schema for all items: which fields a type needs is checked when the item is read. */
export const inputItem = z
  .object({
    type: name.nullish(),
    id: name.nullish(),
    role: z.enum(['user', 'assistant', 'system', 'developer']).nullish(),
    content: z.union([text, parts]).nullish(),
    call_id: name.nullish(),
    name: name.nullish(),
    arguments: text.nullish(),
    output: z.union([text, parts]).nullish(),
    summary: parts.nullish(),
    encrypted_content: text.nullish(),
  })
  .openapi('ResponseInputItem', {
    description: 'A message (`type` may be left out), `function_call`, `function_call_output`, `reasoning` or `item_reference`.',
  });

const tool = z
  .object({
    type: name,
    name: toolName.nullish(),
    description: z.string().max(MAX_TOOL_DESCRIPTION_CHARS).nullish(),
    parameters: jsonObject.nullish(),
    strict: z.boolean().nullish(),
  })
  .openapi('ResponseTool', {
    description:
      'Tools of type `function`. Others run on servers of OpenAI: they are left out, and refused when there are no functions beside them.',
  });

const namedFunction = z.object({ type: z.literal('function'), name: toolName });
const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  namedFunction,
  z.object({ type: z.literal('allowed_tools'), mode: z.enum(['auto', 'required']), tools: z.array(namedFunction).max(MAX_TOOLS) }),
]);

const textFormat = z.object({
  type: z.enum(['text', 'json_object', 'json_schema']),
  name: name.nullish(),
  schema: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});

/** What generating and counting share. */
const promptFields = {
  model: z.string().min(1).max(MAX_NAME_CHARS).nullish(),
  input: z.union([text, z.array(inputItem).max(MAX_MESSAGES)]).nullish(),
  instructions: text.nullish(),
  previous_response_id: name.nullish().openapi({ description: 'Goes on from a stored response.' }),
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.object({ format: textFormat.nullish(), verbosity: name.nullish() }).nullish(),
  reasoning: z
    .object({ effort: name.nullish(), summary: name.nullish() })
    .nullish()
    .openapi({ description: '`effort` is handed to the chat template as `reasoning_effort`; `none` also turns thinking off.' }),
  conversation: z.unknown().optional().openapi({ description: 'Not taken: use `previous_response_id`.' }),
  prompt: z.unknown().optional().openapi({ description: 'Not taken: send the text.' }),
};

/** Body of `POST /v1/responses`. Fields that are not listed are accepted and have no effect. */
export const responseRequest = z
  .object({
    ...promptFields,
    stream: z.boolean().nullish(),
    store: z.boolean().nullish().openapi({ description: 'Keep it for `previous_response_id` and GET; true unless it says false.' }),
    max_output_tokens: tokenBound,
    temperature: z.number().min(0).max(MAX_TEMPERATURE).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(-1).max(MAX_TOKENS).nullish().openapi({ description: '0 or -1 turns it off.' }),
    seed: z.int().nullish(),
    top_logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
    include: z.array(name).max(32).nullish().openapi({
      description: '`message.output_text.logprobs` and `reasoning.encrypted_content`; others have no effect.',
    }),
    metadata: jsonObject.nullish(),
    user: z.string().nullish(),
    background: z.boolean().nullish().openapi({ description: 'Must not be true.' }),
    truncation: z
      .enum(['auto', 'disabled'])
      .nullish()
      .openapi({ description: 'Accepted, no effect: what is too long is refused.' }),
  })
  .openapi('ResponseRequest');

/** Body of `POST /v1/responses/input_tokens`. */
export const inputTokensRequest = z.object(promptFields).openapi('ResponseInputTokensRequest');

export type ResponsePromptBody = z.output<typeof inputTokensRequest>;
export type ResponseBody = z.output<typeof responseRequest>;
export type InputItemBody = z.output<typeof inputItem>;
export type ContentPartBody = z.output<typeof contentPart>;
