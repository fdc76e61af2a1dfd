import { createRoute } from '@hono/zod-openapi';
import type { ChatMessage } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';
import { readJsonObject } from '../http/json-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { collectAnswer, streamEvents } from '../openai/answer.ts';
import { findModel } from '../openai/find-model.ts';
import { validateBody } from '../openai/validate.ts';
import { earlierMessages, withoutReferences } from '../responses-api/conversation.ts';
import { initialResponse } from '../responses-api/initial-response.ts';
import { storedItems } from '../responses-api/input-items.ts';
import { ownerOf } from '../responses-api/owner.ts';
import { readResponsePrompt, readResponseRequest } from '../responses-api/read-request.ts';
import { ResponseBuilder } from '../responses-api/response-builder.ts';
import { inputTokens, responseEvent, responseObject } from '../responses-api/response-schemas.ts';
import type { ResponseObject } from '../responses-api/response-schemas.ts';
import { ResponseEncoder, responseFraming } from '../responses-api/response-stream.ts';
import { inputTokensRequest, responseRequest } from '../responses-api/schemas.ts';
import type { ResponseBody, ResponsePromptBody } from '../responses-api/schemas.ts';
import { generationErrors, jsonResponse } from './responses.ts';

const createdRoute = createRoute({
  method: 'post',
  path: '/v1/responses',
  summary: 'Answer a conversation, which is kept to be gone on from',
  request: { body: { required: true, content: { 'application/json': { schema: responseRequest } } } },
  responses: {
    200: {
      description:
        'The response; with `stream`, its events as server-sent events, the last `response.completed` or what ended it otherwise.',
      content: { 'application/json': { schema: responseObject }, 'text/event-stream': { schema: responseEvent } },
    },
    ...generationErrors,
  },
});

const countRoute = createRoute({
  method: 'post',
  path: '/v1/responses/input_tokens',
  summary: 'Count the tokens that a response would be made from',
  request: { body: { required: true, content: { 'application/json': { schema: inputTokensRequest } } } },
  responses: { 200: jsonResponse('How many tokens the prompt has.', inputTokens), ...generationErrors },
});

export function createResponse(parts: GatewayParts): RouteModule {
  return {
    route: createdRoute,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'input';
      const given = validateBody(responseRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const body = { ...given, input: whole(given.input, exchange, parts) };
      const model = findModel(parts.models, body.model);
      exchange.logFields['model'] = model.name;
      const request = readResponseRequest(body, earlierOf(body, exchange, parts), model);
      const initial = initialResponse(body, model, parts.clock);
      const encryptedReasoning = body.include?.includes('reasoning.encrypted_content') === true;
      const builder = new ResponseBuilder({ initial, encryptedReasoning, clock: parts.clock });
      const shown = new ResponseEncoder(builder);
      const choices = [{ start: (signal: AbortSignal) => model.chat(request, { signal }), shown }];
      const keep = (): void => keepResponse(builder.response, body, exchange, parts);
      if (body.stream) {
        const framing = responseFraming(builder);
        return streamEvents(exchange, choices, { ...framing, closing: () => (keep(), '') }, parts, model);
      }
      await collectAnswer(exchange, choices, parts, model);
      keep();
      return context.json(builder.response);
    },
  };
}

export function countInputTokens(parts: GatewayParts): RouteModule {
  return {
    route: countRoute,
    async handle(context) {
      const { exchange } = context.env;
      exchange.promptParam = 'input';
      const given = validateBody(inputTokensRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const body = { ...given, input: whole(given.input, exchange, parts) };
      const model = findModel(parts.models, body.model);
      exchange.logFields['model'] = model.name;
      const tokens = await model.countPromptTokens?.(readResponsePrompt(body, earlierOf(body, exchange, parts)));
      if (tokens === undefined) {
        throw new InvalidRequestError(`The tokens of a prompt for "${model.name}" cannot be counted here.`, { param: 'model' });
      }
      return context.json({ object: 'response.input_tokens', input_tokens: tokens });
    },
  };
}

function earlierOf({ previous_response_id: id }: ResponsePromptBody, exchange: Exchange, parts: GatewayParts): ChatMessage[] {
  return typeof id === 'string' ? earlierMessages(parts.responses, id, ownerOf(exchange)) : [];
}

const whole = (input: ResponseBody['input'], exchange: Exchange, { responses }: GatewayParts): ResponseBody['input'] =>
  typeof input === 'object' && input !== null ? [...withoutReferences(input, responses, ownerOf(exchange))] : input;

function keepResponse(response: ResponseObject, body: ResponseBody, exchange: Exchange, parts: GatewayParts): void {
  if (!response.store) return;
  try {
    parts.responses.put({
      id: response.id,
      owner: ownerOf(exchange),
      createdMs: parts.clock.wallMs(),
      previousId: body.previous_response_id ?? undefined,
      input: storedItems(body.input),
      response,
    });
  } catch (error) {
    // The client has its answer; that it cannot go on from it, it is told when it tries.
    parts.logger.warn({ requestId: exchange.id, error }, 'a response could not be kept');
  }
}
