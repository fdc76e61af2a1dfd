import { createRoute, z } from '@hono/zod-openapi';
import { findEmbedder } from '../embedding/find-embedder.ts';
import { observeEmbedding } from '../embedding/observe.ts';
import { rankedTexts, rerankRequest, rerankResponse } from '../embedding/schemas.ts';
import type { RerankBody } from '../embedding/schemas.ts';
import { InvalidRequestError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { validateBody } from '../openai/validate.ts';
import { generationErrors, jsonResponse } from './responses.ts';

/** `/rerank` is how text-embeddings-inference and llama.cpp spell it. */
const PATHS = ['/v1/rerank', '/rerank'] as const;

const routeOf = (path: (typeof PATHS)[number]) =>
  createRoute({
    method: 'post',
    path,
    summary: 'Rank documents by how well they fit a query',
    request: { body: { required: true, content: { 'application/json': { schema: rerankRequest } } } },
    responses: {
      200: jsonResponse("The best first; scores are the model's own, higher is better.", z.union([rerankResponse, rankedTexts])),
      ...generationErrors,
    },
  });

export function rerank(parts: GatewayParts): RouteModule[] {
  return PATHS.map((path) => ({
    route: routeOf(path),
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'documents';
      const body = validateBody(rerankRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const documents = readDocuments(body);
      const { model, embedder } = await findEmbedder(parts.models, body.model);
      const { scores, promptTokens } = await observeEmbedding(exchange, model.name, documents.length, parts, () =>
        embedder.rank(body.query, documents, { signal: exchange.signal }),
      );
      const best = scores
        .map((score, index) => ({ index, score, text: documents[index] ?? '' }))
        .sort((a, b) => b.score - a.score)
        .slice(0, body.top_n ?? scores.length);
      if (body.texts !== undefined) {
        return context.json(
          best.map(({ index, score, text }) => ({ index, score, ...(body.return_text === true ? { text } : {}) })),
        );
      }
      return context.json({
        object: 'list',
        model: model.name,
        usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
        results: best.map(({ index, score, text }) => ({
          index,
          relevance_score: score,
          ...(body.return_documents === true ? { document: { text } } : {}),
        })),
      } satisfies z.output<typeof rerankResponse>);
    },
  }));
}

function readDocuments({ documents, texts }: RerankBody): readonly string[] {
  if (texts !== undefined) return texts;
  if (documents !== undefined) return documents.map((document) => (typeof document === 'string' ? document : document.text));
  throw new InvalidRequestError("Missing required parameter: 'documents'.", {
    param: 'documents',
    reason: 'missing_required_parameter',
  });
}
