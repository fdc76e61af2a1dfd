import { z } from '@hono/zod-openapi';

export const ollamaErrorResponse = z.object({ error: z.string() }).openapi('OllamaError');

const tokenLogprob = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) });

/** Times are nanoseconds. */
const finishFields = {
  done_reason: z.enum(['stop', 'length', 'load']).optional(),
  total_duration: z.number().optional(),
  load_duration: z.number().optional(),
  prompt_eval_count: z.int().optional(),
  prompt_eval_duration: z.number().optional(),
  eval_count: z.int().optional(),
  eval_duration: z.number().optional(),
};

const answerFields = {
  model: z.string(),
  created_at: z.string(),
  done: z.boolean(),
  logprobs: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob).optional() })).optional(),
  ...finishFields,
};

export const ollamaChatResponse = z
  .object({
    ...answerFields,
    message: z.object({
      role: z.literal('assistant'),
      content: z.string(),
      thinking: z.string().optional(),
      tool_calls: z
        .array(z.object({ id: z.string(), function: z.object({ index: z.int(), name: z.string(), arguments: z.looseObject({}) }) }))
        .optional(),
    }),
  })
  .openapi('OllamaChatResponse');

export const ollamaGenerateResponse = z
  .object({ ...answerFields, response: z.string(), thinking: z.string().optional() })
  .openapi('OllamaGenerateResponse');

const details = z.object({
  parent_model: z.string(),
  format: z.literal('gguf'),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});

const listed = z.object({ name: z.string(), model: z.string(), size: z.number(), digest: z.string(), details });

export const ollamaTags = z.object({ models: z.array(listed.extend({ modified_at: z.string() })) }).openapi('OllamaTags');

export const ollamaRunning = z
  .object({ models: z.array(listed.extend({ expires_at: z.string(), size_vram: z.number(), context_length: z.int() })) })
  .openapi('OllamaRunning');

export const ollamaShow = z
  .object({
    modelfile: z.string(),
    parameters: z.string(),
    template: z.string(),
    license: z.string().optional(),
    modified_at: z.string(),
    details,
    model_info: z.record(z.string(), z.unknown()),
    capabilities: z.array(z.string()),
  })
  .openapi('OllamaShow');

export const ollamaVersion = z
  .object({ version: z.string().openapi({ description: "Of Ollama's API, as far as it is answered." }), agent: z.string() })
  .openapi('OllamaVersion');

export const ollamaProgress = z
  .object({ status: z.string(), digest: z.string().optional(), total: z.number().optional(), completed: z.number().optional() })
  .openapi('OllamaProgress');

export type OllamaAnswerFields = z.output<z.ZodObject<typeof answerFields>>;
export type OllamaChatResponse = z.output<typeof ollamaChatResponse>;
export type OllamaDetails = z.output<typeof details>;
