import { z } from '@hono/zod-openapi';
import { MAX_NAME_CHARS, MAX_TEXT_CHARS } from '../openai/schemas/bounds.ts';

/** As many as OpenAI takes. */
export const MAX_EMBEDDING_INPUTS = 2048;
/** Pairs that one request may score. */
export const MAX_RANKED_DOCUMENTS = 2048;

const describe = <Schema extends z.ZodType>(schema: Schema, description: string): Schema => schema.openapi({ description });
const modelName = describe(z.string().min(1).max(MAX_NAME_CHARS).nullish(), 'May be left out when there is just one.');

export const embeddingRequest = z
  .object({
    model: modelName,
    input: describe(
      z.unknown().openapi({
        anyOf: [
          { type: 'string' },
          { type: 'array', items: { type: 'string' }, maxItems: MAX_EMBEDDING_INPUTS },
          { type: 'array', items: { type: 'integer' } },
          { type: 'array', items: { type: 'array', items: { type: 'integer' } }, maxItems: MAX_EMBEDDING_INPUTS },
        ],
      }),
      'A text, texts, the token ids of one text, or those of several.',
    ),
    encoding_format: describe(z.enum(['float', 'base64']).nullish(), '`base64`: the 32-bit floats, little-endian.'),
    dimensions: describe(z.int().min(1).nullish(), 'The first so many numbers alone, scaled to length 1 again.'),
    user: describe(z.string().nullish(), 'Accepted, no effect.'),
  })
  .openapi('EmbeddingRequest');

export const embeddingList = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({ object: z.literal('embedding'), index: z.int(), embedding: z.union([z.array(z.number()), z.string()]) }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .openapi('EmbeddingList');

const documentText = z.string().max(MAX_TEXT_CHARS);

export const rerankRequest = z
  .object({
    model: modelName,
    query: z.string().min(1).max(MAX_TEXT_CHARS),
    documents: describe(
      z
        .array(z.union([documentText, z.object({ text: documentText })]))
        .min(1)
        .max(MAX_RANKED_DOCUMENTS)
        .optional(),
      'What to rank; texts, or objects with a `text` (Jina, Cohere, llama.cpp).',
    ),
    texts: describe(
      z.array(documentText).min(1).max(MAX_RANKED_DOCUMENTS).optional(),
      'The same under the name that text-embeddings-inference gives it; the answer then has its shape.',
    ),
    top_n: describe(z.int().min(1).nullish(), 'Only the best so many.'),
    return_documents: describe(z.boolean().nullish(), 'Send the documents back too.'),
    return_text: describe(z.boolean().nullish(), 'The same under the name of text-embeddings-inference.'),
  })
  .openapi('RerankRequest');

export const rerankResponse = z
  .object({
    object: z.literal('list'),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
    results: z.array(
      z.object({ index: z.int(), relevance_score: z.number(), document: z.object({ text: z.string() }).optional() }),
    ),
  })
  .openapi('RerankResponse');

/** The answer to `texts`. */
export const rankedTexts = z
  .array(z.object({ index: z.int(), score: z.number(), text: z.string().optional() }))
  .openapi('RankedTexts');

export type EmbeddingBody = z.output<typeof embeddingRequest>;
export type RerankBody = z.output<typeof rerankRequest>;
