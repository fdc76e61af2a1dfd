import { z } from '@hono/zod-openapi';
import { MAX_EMBEDDING_INPUTS } from '../embedding/schemas.ts';
import { MAX_NAME_CHARS } from '../openai/schemas/bounds.ts';
import { text } from '../openai/schemas/texts.ts';

const model = z.string().min(1).max(MAX_NAME_CHARS);

/** Body of `POST /api/embed`. */
export const ollamaEmbedRequest = z
  .object({
    model,
    input: z.union([text, z.array(text).max(MAX_EMBEDDING_INPUTS)]),
    truncate: z.boolean().nullish().openapi({ description: 'Texts that are too long lose their end; true unless it says false.' }),
    dimensions: z.int().min(1).nullish().openapi({ description: 'The first so many numbers alone, scaled to length 1 again.' }),
  })
  .openapi('OllamaEmbedRequest');

export const ollamaEmbedResponse = z
  .object({
    model: z.string(),
    embeddings: z.array(z.array(z.number())),
    total_duration: z.number(),
    load_duration: z.number(),
    prompt_eval_count: z.int(),
  })
  .openapi('OllamaEmbedResponse');

/** Body of `POST /api/embeddings`, which older clients call. */
export const ollamaEmbeddingsRequest = z.object({ model, prompt: text }).openapi('OllamaEmbeddingsRequest');

export const ollamaEmbeddingsResponse = z.object({ embedding: z.array(z.number()) }).openapi('OllamaEmbeddingsResponse');
