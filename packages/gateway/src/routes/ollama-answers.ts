import { createRoute } from '@hono/zod-openapi';
import type { ServedModel, TextEvent } from '@pippa/core';
import type { GatewayParts } from '../gateway-parts.ts';
import type { GatewayContext } from '../http/environment.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { AnswerLineEncoder, loadedAnswer, OllamaCollector, ollamaFraming } from '../ollama/answer-lines.ts';
import { chatShape, generateShape } from '../ollama/answer-shape.ts';
import type { OllamaShape } from '../ollama/answer-shape.ts';
import { readChat } from '../ollama/read-chat.ts';
import { readGenerate } from '../ollama/read-generate.ts';
import { refuseUnload } from '../ollama/read-shared.ts';
import { ollamaChatResponse, ollamaErrorResponse, ollamaGenerateResponse } from '../ollama/response-schemas.ts';
import { ollamaChatRequest, ollamaGenerateRequest } from '../ollama/schemas.ts';
import type { OllamaSharedBody } from '../ollama/schemas.ts';
import { collectAnswer, streamEvents } from '../openai/answer.ts';
import { findModel } from '../openai/find-model.ts';
import { loadModel } from '../openai/load-model.ts';
import { validateBody } from '../openai/validate.ts';
import { errorsShaped } from './responses.ts';

const errors = errorsShaped(ollamaErrorResponse);
const LINES = 'The answer as lines of JSON; with `stream` false as one.';

const chatRoute = createRoute({
  method: 'post',
  path: '/api/chat',
  summary: 'Answer a conversation, as Ollama does',
  request: { body: { required: true, content: { 'application/json': { schema: ollamaChatRequest } } } },
  responses: {
    200: {
      description: LINES,
      content: { 'application/json': { schema: ollamaChatResponse }, 'application/x-ndjson': { schema: ollamaChatResponse } },
    },
    ...errors,
  },
});

const generateRoute = createRoute({
  method: 'post',
  path: '/api/generate',
  summary: 'Answer a prompt or go on with a text, as Ollama does',
  request: { body: { required: true, content: { 'application/json': { schema: ollamaGenerateRequest } } } },
  responses: {
    200: {
      description: LINES,
      content: {
        'application/json': { schema: ollamaGenerateResponse },
        'application/x-ndjson': { schema: ollamaGenerateResponse },
      },
    },
    ...errors,
  },
});

export function ollamaChat(parts: GatewayParts): RouteModule {
  return {
    route: chatRoute,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'messages';
      const body = validateBody(ollamaChatRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const model = findModel(parts.models, body.model);
      if ((body.messages ?? []).length === 0) return loaded(context, model, body, chatShape, parts);
      const request = readChat(body, model);
      return answer(context, { model, body, shape: chatShape, start: (signal) => model.chat(request, { signal }) }, parts);
    },
  };
}

export function ollamaGenerate(parts: GatewayParts): RouteModule {
  return {
    route: generateRoute,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'prompt';
      const body = validateBody(ollamaGenerateRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const model = findModel(parts.models, body.model);
      if ((body.prompt ?? '') === '' && !body.suffix) return loaded(context, model, body, generateShape, parts);
      const { kind, request } = readGenerate(body, model);
      const start = (signal: AbortSignal) =>
        kind === 'chat' ? model.chat(request, { signal }) : model.complete(request, { signal });
      return answer(context, { model, body, shape: generateShape, start }, parts);
    },
  };
}

interface Answering {
  readonly model: ServedModel;
  readonly body: OllamaSharedBody;
  readonly shape: OllamaShape;
  readonly start: (signal: AbortSignal) => AsyncIterable<TextEvent>;
}

async function answer(context: GatewayContext, { model, body, shape, start }: Answering, parts: GatewayParts): Promise<Response> {
  const { exchange } = context.env;
  exchange.logFields['model'] = model.name;
  const options = { model: body.model, shape, showThinking: body.think !== false, clock: parts.clock };
  if (body.stream !== false) {
    return streamEvents(exchange, [{ start, shown: new AnswerLineEncoder(options) }], ollamaFraming, parts, model);
  }
  const collector = new OllamaCollector(options);
  const [finish] = await collectAnswer(exchange, [{ start, shown: collector }], parts, model);
  if (finish === undefined) throw new Error('One generation gives one end.');
  return context.json(collector.answer(finish));
}

/** Nothing was asked: it is to be loaded. */
async function loaded(
  context: GatewayContext,
  model: ServedModel,
  body: OllamaSharedBody,
  shape: OllamaShape,
  parts: GatewayParts,
): Promise<Response> {
  refuseUnload(body);
  await loadModel(model, context.env.exchange, parts, () => {});
  const { clock } = parts;
  return context.json(loadedAnswer({ model: body.model, shape, showThinking: true, clock }));
}
