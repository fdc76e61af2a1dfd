import { createRoute } from '@hono/zod-openapi';
import type { z } from '@hono/zod-openapi';
import { base64Of, shorten } from '../embedding/encode-vector.ts';
import { findEmbedder } from '../embedding/find-embedder.ts';
import { observeEmbedding } from '../embedding/observe.ts';
import { embeddingList, embeddingRequest, MAX_EMBEDDING_INPUTS } from '../embedding/schemas.ts';
import { InvalidRequestError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { readPrompts } from '../openai/prompts.ts';
import { validateBody } from '../openai/validate.ts';
import { generationErrors, jsonResponse } from './responses.ts';

const route = createRoute({
  method: 'post',
  path: '/v1/embeddings',
  summary: 'Make vectors of texts',
  description: 'Pooled as the model says, of length 1. A model that writes gives the vector of its last token.',
  request: { body: { required: true, content: { 'application/json': { schema: embeddingRequest } } } },
  responses: { 200: jsonResponse('The vectors, in the order of the input.', embeddingList), ...generationErrors },
});

export function embeddings(parts: GatewayParts): RouteModule {
  return {
    route,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'input';
      const body = validateBody(embeddingRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const inputs = readPrompts(body.input, MAX_EMBEDDING_INPUTS, 'input');
      const { model, embedder } = await findEmbedder(parts.models, body.model);
      const dimensions = body.dimensions ?? embedder.dimensions;
      if (dimensions > embedder.dimensions) {
        throw new InvalidRequestError(
          `'dimensions' is ${dimensions}, but the vectors of "${model.name}" have ${embedder.dimensions}.`,
          {
            param: 'dimensions',
            reason: 'integer_above_max_value',
          },
        );
      }
      const { vectors, promptTokens } = await observeEmbedding(exchange, model.name, inputs.length, parts, () =>
        embedder.embed(inputs, { signal: exchange.signal }),
      );
      const encode = body.encoding_format === 'base64' ? base64Of : (vector: Float32Array) => Array.from(vector);
      const list: z.output<typeof embeddingList> = {
        object: 'list',
        data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encode(shorten(vector, dimensions)) })),
        model: model.name,
        usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
      };
      return context.json(list);
    },
  };
}
