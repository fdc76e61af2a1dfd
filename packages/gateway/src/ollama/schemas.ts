import { z } from '@hono/zod-openapi';
import {
  MAX_MESSAGES,
  MAX_NAME_CHARS,
  MAX_STOP_CHARS,
  MAX_STOP_STRINGS,
  MAX_TEMPERATURE,
  MAX_TOKENS,
  MAX_TOOL_CALLS,
  MAX_TOOL_DESCRIPTION_CHARS,
  MAX_TOOLS,
  MAX_TOP_LOGPROBS,
} from '../openai/schemas/bounds.ts';
import { toolName } from '../openai/schemas/chat.ts';
import { jsonObject } from '../openai/schemas/json-object.ts';
import { name, text } from '../openai/schemas/texts.ts';

const images = z
  .array(z.unknown())
  .max(MAX_MESSAGES)
  .nullish()
  .openapi({ type: 'array', items: { type: 'string' }, description: 'Must be empty: the models here read text only.' });

/** Fields that are not listed (`num_gpu`, `num_thread` ...) are accepted and have no effect: the agent decides what they decide. */
const options = z
  .object({
    num_predict: z.int().min(-2).max(MAX_TOKENS).nullish().openapi({ description: '-1 or -2: as many as the context holds.' }),
    temperature: z.number().min(0).max(MAX_TEMPERATURE).nullish(),
    top_k: z.int().min(-1).max(MAX_TOKENS).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    min_p: z.number().min(0).max(1).nullish(),
    typical_p: z.number().min(0).max(1).nullish(),
    repeat_penalty: z.number().positive().max(10).nullish(),
    repeat_last_n: z.int().min(-1).max(MAX_TOKENS).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    seed: z.int().nullish(),
    stop: z.union([z.string().max(MAX_STOP_CHARS), z.array(z.string().max(MAX_STOP_CHARS)).max(MAX_STOP_STRINGS)]).nullish(),
  })
  .openapi('OllamaOptions');

const sharedFields = {
  model: z.string().min(1).max(MAX_NAME_CHARS),
  stream: z.boolean().nullish().openapi({ description: 'True unless it says false.' }),
  format: z
    .union([z.enum(['', 'json']), jsonObject])
    .nullish()
    .openapi({ description: '`json`, or a JSON schema that the answer must follow.' }),
  options: options.nullish(),
  keep_alive: z
    .union([name, z.number()])
    .nullish()
    .openapi({ description: 'Accepted, no effect: the agent decides which models stay loaded.' }),
  think: z
    .union([z.boolean(), z.enum(['low', 'medium', 'high'])])
    .nullish()
    .openapi({
      description: 'Handed to the chat template as `enable_thinking` and `reasoning_effort`; false also hides thinking.',
    }),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
};

const message = z
  .object({
    role: z.enum(['system', 'user', 'assistant', 'tool']),
    content: text.nullish(),
    thinking: text.nullish(),
    images,
    tool_calls: z
      .array(z.object({ id: name.nullish(), function: z.object({ name, arguments: jsonObject.nullish() }) }))
      .max(MAX_TOOL_CALLS)
      .nullish(),
    tool_name: name.nullish(),
    tool_call_id: name.nullish(),
  })
  .openapi('OllamaMessage');

const tool = z
  .object({
    type: z.literal('function').nullish(),
    function: z.object({
      name: toolName,
      description: z.string().max(MAX_TOOL_DESCRIPTION_CHARS).nullish(),
      parameters: jsonObject.nullish(),
    }),
  })
  .openapi('OllamaTool');

/** Body of `POST /api/chat`. */
export const ollamaChatRequest = z
  .object({
    ...sharedFields,
    messages: z
      .array(message)
      .max(MAX_MESSAGES)
      .nullish()
      .openapi({ description: 'Without any, only whether the model is there is told.' }),
    tools: z.array(tool).max(MAX_TOOLS).nullish(),
  })
  .openapi('OllamaChatRequest');

/** Body of `POST /api/generate`. */
export const ollamaGenerateRequest = z
  .object({
    ...sharedFields,
    prompt: text.nullish(),
    suffix: text.nullish().openapi({ description: 'Text after what is to be written, for models that fill in the middle.' }),
    system: text.nullish(),
    raw: z.boolean().nullish().openapi({ description: 'Goes on with the prompt as it is, without the chat template.' }),
    images,
    template: text.nullish().openapi({ description: 'Must be empty: the model brings its own.' }),
    context: z.array(z.number()).nullish().openapi({ description: 'Must be empty: send the conversation to /api/chat.' }),
  })
  .openapi('OllamaGenerateRequest');

/** Body of calls that name a model and little else; `name` is what older clients call it. */
export const ollamaModelRequest = z.object({ model: name.nullish(), name: name.nullish() }).openapi('OllamaModelRequest');

export const ollamaPullRequest = z
  .object({ model: name.nullish(), name: name.nullish(), stream: z.boolean().nullish() })
  .openapi('OllamaPullRequest');

export type OllamaSharedBody = Pick<z.output<typeof ollamaChatRequest>, keyof typeof sharedFields>;
export type OllamaChatBody = z.output<typeof ollamaChatRequest>;
export type OllamaGenerateBody = z.output<typeof ollamaGenerateRequest>;
export type OllamaMessageBody = z.output<typeof message>;
