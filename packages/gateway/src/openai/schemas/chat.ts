import { z } from '@hono/zod-openapi';
import {
  MAX_CONTENT_PARTS,
  MAX_MESSAGES,
  MAX_NAME_CHARS,
  MAX_TOOL_CALLS,
  MAX_TOOL_DESCRIPTION_CHARS,
  MAX_TOOLS,
  MAX_TOP_LOGPROBS,
} from './bounds.ts';
import { jsonObject } from './json-object.ts';
import { sharedRequestFields, tokenBound } from './request-fields.ts';
import { name, text } from './texts.ts';

const contentPart = z
  .object({ type: z.string().max(MAX_NAME_CHARS), text: text.nullish(), refusal: text.nullish() })
  .openapi('ContentPart', {
    description: 'A part of a message. Only `text` parts (and `refusal` parts of the assistant) are taken.',
  });

const messageToolCall = z
  .object({
    id: name.nullish(),
    type: z.literal('function').nullish(),
    function: z.object({ name, arguments: z.union([text, jsonObject]).nullish() }),
  })
  .openapi('MessageToolCall');

/** One schema for all roles: which fields a role needs is checked when the message is read. */
export const chatMessage = z
  .object({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
    content: z.union([text, z.array(contentPart).max(MAX_CONTENT_PARTS)]).nullish(),
    name: name.nullish(),
    tool_calls: z.array(messageToolCall).max(MAX_TOOL_CALLS).nullish(),
    tool_call_id: name.nullish(),
    reasoning_content: text.nullish(),
  })
  .openapi('ChatMessage');

/** Names as OpenAI allows them, and those that MCP servers use. */
export const toolName = z.string().regex(/^[\w.:/-]{1,128}$/);

const tool = z
  .object({
    type: z.literal('function'),
    function: z.object({
      name: toolName,
      description: z.string().max(MAX_TOOL_DESCRIPTION_CHARS).nullish(),
      parameters: jsonObject.nullish(),
      strict: z.boolean().nullish(),
    }),
  })
  .openapi('Tool');

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name: toolName }) }),
  z.object({
    type: z.literal('allowed_tools'),
    allowed_tools: z.object({
      mode: z.enum(['auto', 'required']),
      tools: z.array(z.object({ type: z.literal('function'), function: z.object({ name: toolName }) })).max(MAX_TOOLS),
    }),
  }),
]);

const responseFormat = z
  .object({
    type: z.enum(['text', 'json_object', 'json_schema']),
    json_schema: z.object({ name: name.nullish(), strict: z.boolean().nullish(), schema: jsonObject.nullish() }).nullish(),
    schema: jsonObject.nullish().openapi({ description: 'Schema of a `json_object` (llama.cpp).' }),
  })
  .openapi('ResponseFormat');

/** Body of `POST /v1/chat/completions`. */
export const chatCompletionRequest = z
  .object({
    ...sharedRequestFields,
    messages: z.array(chatMessage).min(1).max(MAX_MESSAGES),
    max_completion_tokens: tokenBound.openapi({ description: 'The newer name of `max_tokens`; it wins when both are given.' }),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
    response_format: responseFormat.nullish(),
    tools: z.array(tool).max(MAX_TOOLS).nullish(),
    tool_choice: toolChoice.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    modalities: z.array(z.string().max(MAX_NAME_CHARS)).max(16).nullish().openapi({ description: 'Only `["text"]`.' }),
    reasoning_effort: name
      .nullish()
      .openapi({ description: 'Handed to the chat template as `reasoning_effort`; `none` also turns thinking off.' }),
    chat_template_kwargs: jsonObject.nullish().openapi({ description: 'Variables for the chat template (llama.cpp, vLLM).' }),
    functions: z.unknown().optional().openapi({ description: 'Not taken any more: use `tools`.' }),
    web_search_options: z.unknown().optional().openapi({ description: 'Not taken: nothing here searches the web.' }),
    metadata: jsonObject.nullish().openapi({ description: 'Accepted, no effect.' }),
    store: z.boolean().nullish().openapi({ description: 'Accepted, no effect.' }),
    service_tier: z.string().nullish().openapi({ description: 'Accepted, no effect.' }),
  })
  .openapi('ChatCompletionRequest');

export type ChatCompletionBody = z.output<typeof chatCompletionRequest>;
export type ChatMessageBody = z.output<typeof chatMessage>;
