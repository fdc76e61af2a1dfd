import { createRoute } from '@hono/zod-openapi';
import type { PromptUsage } from '@pippa/core';
import { newMessageIdentity } from '../anthropic/identity.ts';
import { MessageCollector } from '../anthropic/message-collector.ts';
import { messageFraming, MessageStreamEncoder } from '../anthropic/message-stream.ts';
import { readMessagesRequest, readPrompt, wantsThinking } from '../anthropic/read-request.ts';
import { anthropicErrorResponse, anthropicMessage, anthropicStreamEvent, tokenCount } from '../anthropic/response-schemas.ts';
import { countTokensRequest, messagesRequest } from '../anthropic/schemas.ts';
import { InvalidRequestError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { collectAnswer, streamEvents } from '../openai/answer.ts';
import { findModel } from '../openai/find-model.ts';
import { validateBody } from '../openai/validate.ts';
import { errorsShaped, jsonResponse } from './responses.ts';

const errors = errorsShaped(anthropicErrorResponse);

const messagesRoute = createRoute({
  method: 'post',
  path: '/v1/messages',
  summary: 'Answer a conversation, as Anthropic does',
  request: { body: { required: true, content: { 'application/json': { schema: messagesRequest } } } },
  responses: {
    200: {
      description: 'The answer; with `stream`, its events as server-sent events.',
      content: { 'application/json': { schema: anthropicMessage }, 'text/event-stream': { schema: anthropicStreamEvent } },
    },
    ...errors,
  },
});

const countRoute = createRoute({
  method: 'post',
  path: '/v1/messages/count_tokens',
  summary: 'Count the tokens of a conversation, as Anthropic does',
  request: { body: { required: true, content: { 'application/json': { schema: countTokensRequest } } } },
  responses: { 200: jsonResponse('How many tokens the prompt has.', tokenCount), ...errors },
});

export function anthropicMessages(parts: GatewayParts): RouteModule {
  return {
    route: messagesRoute,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'messages';
      exchange.outgoing.setHeader('request-id', exchange.id);
      const body = validateBody(messagesRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const model = findModel(parts.models, body.model);
      exchange.logFields['model'] = model.name;
      const request = readMessagesRequest(body);
      const identity = newMessageIdentity(model.name);
      let prompt: PromptUsage = { promptTokens: 0, cachedTokens: 0 };
      const start = (signal: AbortSignal) =>
        model.chat(request, {
          onPrompt: (usage) => {
            prompt = usage;
          },
          signal,
        });
      const showThinking = wantsThinking(body);
      if (body.stream) {
        const shown = new MessageStreamEncoder(identity, { showThinking, stopSequences: request.stop, prompt: () => prompt });
        return streamEvents(exchange, [{ start, shown }], messageFraming(exchange.id), parts, model);
      }
      const collector = new MessageCollector(showThinking);
      const [finish] = await collectAnswer(exchange, [{ start, shown: collector }], parts, model);
      if (finish === undefined) throw new Error('One generation gives one end.');
      return context.json(collector.message(identity, finish, request.stop));
    },
  };
}

export function anthropicTokenCount(parts: GatewayParts): RouteModule {
  return {
    route: countRoute,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'messages';
      exchange.outgoing.setHeader('request-id', exchange.id);
      const body = validateBody(countTokensRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const model = findModel(parts.models, body.model);
      exchange.logFields['model'] = model.name;
      const tokens = await model.countPromptTokens?.(readPrompt(body));
      if (tokens === undefined) {
        throw new InvalidRequestError(`The tokens of a prompt for "${model.name}" cannot be counted here.`, { param: 'model' });
      }
      return context.json({ input_tokens: tokens });
    },
  };
}
