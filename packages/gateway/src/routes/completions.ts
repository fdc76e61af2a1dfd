import { createRoute } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { newAnswerIdentity } from '../openai/answer-identity.ts';
import { CompletionCollector, completionOf } from '../openai/completion-collector.ts';
import { readCompletionPlan } from '../openai/completion-request.ts';
import { CompletionChoiceEncoder, completionUsageChunk } from '../openai/completion-stream.ts';
import { findModel } from '../openai/find-model.ts';
import { completionRequest } from '../openai/schemas/completion.ts';
import { completion, completionChunk } from '../openai/schemas/responses.ts';
import { collectAnswer, streamAnswer } from '../openai/answer.ts';
import { validateBody } from '../openai/validate.ts';
import { generationErrors } from './responses.ts';

const route = createRoute({
  method: 'post',
  path: '/v1/completions',
  summary: 'Continue a text',
  request: { body: { required: true, content: { 'application/json': { schema: completionRequest } } } },
  responses: {
    200: {
      description: 'The continuation; with `stream`, its chunks as server-sent events, ended by `data: [DONE]`.',
      content: { 'application/json': { schema: completion }, 'text/event-stream': { schema: completionChunk } },
    },
    ...generationErrors,
  },
});

export function completions(parts: GatewayParts): RouteModule {
  return {
    route,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'prompt';
      const body = validateBody(completionRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const model = findModel(parts.models, body.model);
      exchange.logFields['model'] = model.name;
      const plan = readCompletionPlan(body, model, parts.limits.maxGenerations);
      const identity = newAnswerIdentity('cmpl', model.name, parts.version, parts.clock);
      const choices = plan.requests.map((request) => (signal: AbortSignal) => model.complete(request, { signal }));

      if (body.stream) {
        const includeUsage = body.stream_options?.include_usage ?? false;
        return streamAnswer(
          exchange,
          choices.map((start, index) => ({ start, shown: new CompletionChoiceEncoder(identity, index, includeUsage) })),
          (finishes) => (includeUsage ? completionUsageChunk(identity, finishes, plan.candidatesPerPrompt) : ''),
          parts,
          model,
        );
      }
      const collected = choices.map((start) => ({ start, shown: new CompletionCollector() }));
      const finishes = await collectAnswer(exchange, collected, parts, model);
      const collectors = collected.map((choice) => choice.shown);
      return context.json(completionOf(identity, plan, collectors, finishes));
    },
  };
}
