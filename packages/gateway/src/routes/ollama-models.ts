import { createRoute } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { runningOf, showOf, tagOf } from '../ollama/describe-model.ts';
import { namedIn } from '../ollama/named-model.ts';
import { ollamaErrorResponse, ollamaRunning, ollamaShow, ollamaTags, ollamaVersion } from '../ollama/response-schemas.ts';
import { ollamaModelRequest } from '../ollama/schemas.ts';
import { findModel } from '../openai/find-model.ts';
import { validateBody } from '../openai/validate.ts';
import { commonErrorsShaped, errorsShaped, jsonResponse } from './responses.ts';

/** The version whose API is answered: clients refuse older ones. */
const OLLAMA_VERSION = '0.12.6';

const errors = commonErrorsShaped(ollamaErrorResponse);

const tagsRoute = createRoute({
  method: 'get',
  path: '/api/tags',
  summary: 'The models that can be asked, as Ollama lists them',
  responses: { 200: jsonResponse('All models.', ollamaTags), ...errors },
});

const runningRoute = createRoute({
  method: 'get',
  path: '/api/ps',
  summary: 'The models that are loaded, as Ollama lists them',
  responses: { 200: jsonResponse('All loaded models.', ollamaRunning), ...errors },
});

const versionRoute = createRoute({
  method: 'get',
  path: '/api/version',
  summary: "The version of Ollama's API",
  responses: { 200: jsonResponse('The version.', ollamaVersion), ...errors },
});

const showRoute = createRoute({
  method: 'post',
  path: '/api/show',
  summary: 'What is known of a model, as Ollama shows it',
  request: { body: { required: true, content: { 'application/json': { schema: ollamaModelRequest } } } },
  responses: { 200: jsonResponse('The model.', ollamaShow), ...errorsShaped(ollamaErrorResponse) },
});

export function ollamaModels(parts: GatewayParts): RouteModule[] {
  const { models } = parts;
  return [
    { route: tagsRoute, handle: (context) => context.json({ models: models.list().map((model) => tagOf(model)) }) },
    {
      route: runningRoute,
      handle(context) {
        const loaded = models.list().filter((model) => model.ready !== false);
        return context.json({ models: loaded.map((model) => runningOf(model)) });
      },
    },
    { route: versionRoute, handle: (context) => context.json({ version: OLLAMA_VERSION, agent: parts.version }) },
    {
      route: showRoute,
      async handle(context) {
        const body = validateBody(ollamaModelRequest, await readJsonObject(context.env.exchange, parts.limits, parts.counters));
        const model = findModel(models, namedIn(body));
        return context.json(showOf(model, await model.capabilities?.()));
      },
    },
  ];
}
