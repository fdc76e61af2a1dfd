import { createRoute } from '@hono/zod-openapi';
import type { Embeddings } from '@pippa/core';
import { shorten } from '../embedding/encode-vector.ts';
import { findEmbedder } from '../embedding/find-embedder.ts';
import { observeEmbedding } from '../embedding/observe.ts';
import { InvalidRequestError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { nanoseconds } from '../ollama/answer-parts.ts';
import {
  ollamaEmbeddingsRequest,
  ollamaEmbeddingsResponse,
  ollamaEmbedRequest,
  ollamaEmbedResponse,
} from '../ollama/embed-schemas.ts';
import { ollamaErrorResponse } from '../ollama/response-schemas.ts';
import { validateBody } from '../openai/validate.ts';
import { errorsShaped, jsonResponse } from './responses.ts';

const errors = errorsShaped(ollamaErrorResponse);

const embedRoute = createRoute({
  method: 'post',
  path: '/api/embed',
  summary: 'Make vectors of texts, as Ollama does',
  request: { body: { required: true, content: { 'application/json': { schema: ollamaEmbedRequest } } } },
  responses: { 200: jsonResponse('The vectors, of length 1, in the order of the input.', ollamaEmbedResponse), ...errors },
});

const oldRoute = createRoute({
  method: 'post',
  path: '/api/embeddings',
  summary: 'Make the vector of one text, as older clients of Ollama ask for it',
  request: { body: { required: true, content: { 'application/json': { schema: ollamaEmbeddingsRequest } } } },
  responses: { 200: jsonResponse('The vector, of length 1.', ollamaEmbeddingsResponse), ...errors },
});

export function ollamaEmbed(parts: GatewayParts): RouteModule[] {
  const { clock, limits, counters } = parts;
  return [
    {
      route: embedRoute,
      async handle(context) {
        const { exchange } = context.env;
        exchange.promptParam = 'input';
        const startedMs = clock.nowMs();
        const body = validateBody(ollamaEmbedRequest, await readJsonObject(exchange, limits, counters));
        const inputs = typeof body.input === 'string' ? [body.input] : body.input;
        const { vectors, promptTokens } = await embed(exchange, { ...body, inputs, truncate: body.truncate !== false }, parts);
        return context.json({
          model: body.model,
          embeddings: vectors.map((vector) => Array.from(vector)),
          total_duration: nanoseconds(clock.nowMs() - startedMs),
          load_duration: 0,
          prompt_eval_count: promptTokens,
        });
      },
    },
    {
      route: oldRoute,
      async handle(context) {
        const { exchange } = context.env;
        exchange.promptParam = 'prompt';
        const body = validateBody(ollamaEmbeddingsRequest, await readJsonObject(exchange, limits, counters));
        const { vectors } = await embed(exchange, { model: body.model, inputs: [body.prompt], truncate: true }, parts);
        return context.json({ embedding: Array.from(vectors[0] ?? []) });
      },
    },
  ];
}

interface EmbedWish {
  readonly model: string;
  readonly inputs: readonly string[];
  readonly truncate: boolean;
  readonly dimensions?: number | null | undefined;
}

async function embed(
  exchange: Exchange,
  { model: name, inputs, truncate, dimensions }: EmbedWish,
  parts: GatewayParts,
): Promise<Embeddings> {
  const { model, embedder } = await findEmbedder(parts.models, name);
  if ((dimensions ?? 0) > embedder.dimensions) {
    throw new InvalidRequestError(
      `'dimensions' is ${dimensions}, but the vectors of "${model.name}" have ${embedder.dimensions}.`,
      {
        param: 'dimensions',
      },
    );
  }
  // Nothing in, nothing out: that is how clients ask whether the model is there.
  if (inputs.length === 0) return { vectors: [], promptTokens: 0 };
  const { vectors, promptTokens } = await observeEmbedding(exchange, model.name, inputs.length, parts, () =>
    embedder.embed(inputs, { truncate, signal: exchange.signal }),
  );
  return { vectors: vectors.map((vector) => shorten(vector, dimensions ?? embedder.dimensions)), promptTokens };
}
