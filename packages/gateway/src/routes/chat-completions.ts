import { createRoute } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { newAnswerIdentity } from '../openai/answer-identity.ts';
import { ChatChoiceCollector, chatCompletionOf } from '../openai/chat-collector.ts';
import { readChatRequests } from '../openai/chat-request.ts';
import { ChatChoiceEncoder, chatUsageChunk } from '../openai/chat-stream.ts';
import { findModel } from '../openai/find-model.ts';
import { chatCompletionRequest } from '../openai/schemas/chat.ts';
import { chatCompletion, chatCompletionChunk } from '../openai/schemas/responses.ts';
import { collectAnswer, streamAnswer } from '../openai/answer.ts';
import { validateBody } from '../openai/validate.ts';
import { generationErrors } from './responses.ts';

const route = createRoute({
  method: 'post',
  path: '/v1/chat/completions',
  summary: 'Answer a conversation',
  request: { body: { required: true, content: { 'application/json': { schema: chatCompletionRequest } } } },
  responses: {
    200: {
      description: 'The answer; with `stream`, its chunks as server-sent events, ended by `data: [DONE]`.',
      content: { 'application/json': { schema: chatCompletion }, 'text/event-stream': { schema: chatCompletionChunk } },
    },
    ...generationErrors,
  },
});

export function chatCompletions(parts: GatewayParts): RouteModule {
  return {
    route,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'messages';
      const body = validateBody(chatCompletionRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const model = findModel(parts.models, body.model);
      exchange.logFields['model'] = model.name;
      const requests = readChatRequests(body, model);
      const identity = newAnswerIdentity('chatcmpl', model.name, parts.version, parts.clock);
      const choices = requests.map((request) => (signal: AbortSignal) => model.chat(request, { signal }));

      if (body.stream) {
        const includeUsage = body.stream_options?.include_usage ?? false;
        return streamAnswer(
          exchange,
          choices.map((start, index) => ({ start, shown: new ChatChoiceEncoder(identity, index, includeUsage) })),
          (finishes) => (includeUsage ? chatUsageChunk(identity, finishes) : ''),
          parts,
          model,
        );
      }
      const collected = choices.map((start) => ({ start, shown: new ChatChoiceCollector() }));
      const finishes = await collectAnswer(exchange, collected, parts, model);
      const shown = collected.map((choice, index) => choice.shown.choice(index, body.logprobs === true));
      return context.json(chatCompletionOf(identity, shown, finishes));
    },
  };
}
