import { z } from '@hono/zod-openapi';
import {
  MAX_CONTENT_PARTS,
  MAX_MESSAGES,
  MAX_NAME_CHARS,
  MAX_STOP_CHARS,
  MAX_STOP_STRINGS,
  MAX_TEMPERATURE,
  MAX_TOKENS,
  MAX_TOOL_DESCRIPTION_CHARS,
  MAX_TOOLS,
} from '../openai/schemas/bounds.ts';
import { toolName } from '../openai/schemas/chat.ts';
import { jsonObject } from '../openai/schemas/json-object.ts';
import { name, text } from '../openai/schemas/texts.ts';

const textPart = z
  .object({ type: name, text: text.nullish(), source: z.unknown().optional() })
  .openapi('AnthropicTextBlock', { description: 'Of type `text`; or a `document` whose source is text.' });

/** One schema for all blocks: which fields a type needs is checked when the message is read. */
const contentBlock = textPart
  .extend({
    thinking: text.nullish(),
    id: name.nullish(),
    name: name.nullish(),
    input: jsonObject.nullish(),
    tool_use_id: name.nullish(),
    content: z.union([text, z.array(textPart).max(MAX_CONTENT_PARTS)]).nullish(),
    is_error: z.boolean().nullish(),
  })
  .openapi('AnthropicContentBlock', {
    description:
      'Of type `text`, `thinking`, `redacted_thinking`, `tool_use`, `tool_result`, or a `document` whose source is text.',
  });

const message = z
  .object({
    role: z.enum(['user', 'assistant', 'system']),
    content: z.union([text, z.array(contentBlock).max(MAX_CONTENT_PARTS)]),
  })
  .openapi('AnthropicMessage');

const tool = z
  .object({
    type: name.nullish().openapi({ description: 'Only `custom`: tools of Anthropic itself do not run here.' }),
    name: toolName,
    description: z.string().max(MAX_TOOL_DESCRIPTION_CHARS).nullish(),
    input_schema: jsonObject.nullish(),
    strict: z.boolean().nullish(),
  })
  .openapi('AnthropicTool');

const toolChoice = z.object({
  type: z.enum(['auto', 'any', 'tool', 'none']),
  name: toolName.nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

const outputFormat = z.object({ type: z.literal('json_schema'), schema: jsonObject });

/** What generating and counting share. */
const promptFields = {
  model: z.string().min(1).max(MAX_NAME_CHARS),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  system: z.union([text, z.array(textPart).max(MAX_CONTENT_PARTS)]).nullish(),
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: z
    .object({ type: z.enum(['enabled', 'disabled', 'adaptive']), budget_tokens: z.int().min(0).max(MAX_TOKENS).nullish() })
    .nullish()
    .openapi({ description: 'Without it, or with `disabled`, the model is told not to think, and no thinking is shown.' }),
  mcp_servers: z
    .array(z.unknown())
    .max(MAX_TOOLS)
    .nullish()
    .openapi({ description: 'Must be empty: offer their tools as your own.' }),
  output_config: z
    .object({ effort: name.nullish(), format: outputFormat.nullish() })
    .nullish()
    .openapi({ description: '`effort` is handed to the chat template as `reasoning_effort`.' }),
};

/** Body of `POST /v1/messages`. Fields that are not listed are accepted and have no effect. */
export const messagesRequest = z
  .object({
    ...promptFields,
    max_tokens: z.int().min(1).max(MAX_TOKENS),
    stream: z.boolean().nullish(),
    stop_sequences: z.array(z.string().max(MAX_STOP_CHARS)).max(MAX_STOP_STRINGS).nullish(),
    temperature: z.number().min(0).max(MAX_TEMPERATURE).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(-1).max(MAX_TOKENS).nullish(),
  })
  .openapi('AnthropicMessagesRequest');

/** Body of `POST /v1/messages/count_tokens`. */
export const countTokensRequest = z.object(promptFields).openapi('AnthropicCountTokensRequest');

export type AnthropicPromptBody = z.output<typeof countTokensRequest>;
export type AnthropicMessagesBody = z.output<typeof messagesRequest>;
export type AnthropicMessageBody = z.output<typeof message>;
export type AnthropicTextBlockBody = z.output<typeof textPart>;
export type AnthropicBlockBody = z.output<typeof contentBlock>;
