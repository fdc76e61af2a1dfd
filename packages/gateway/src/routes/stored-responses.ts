import { createRoute, z } from '@hono/zod-openapi';
import { InvalidRequestError, ResponseNotFoundError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { GatewayContext } from '../http/environment.ts';
import type { RouteModule } from '../http/route-module.ts';
import { errorResponse } from '../openai/schemas/responses.ts';
import { validateBody } from '../openai/validate.ts';
import { listItemsQuery, pageOf } from '../responses-api/list-items.ts';
import { ownerOf } from '../responses-api/owner.ts';
import { inputItemList, responseDeleted, responseObject } from '../responses-api/response-schemas.ts';
import type { StoredResponse } from '../responses-api/store.ts';
import { commonErrors, jsonResponse } from './responses.ts';

const params = z.object({ id: z.string().openapi({ description: 'Of a response that was stored.' }) });
const errors = {
  400: jsonResponse('The request is malformed.', errorResponse),
  404: jsonResponse('No such response, or no more.', errorResponse),
  ...commonErrors,
};
const PATH = '/v1/responses/{id}';
const ROUTING_PATH = '/v1/responses/:id';

const getRoute = createRoute({
  method: 'get',
  path: PATH,
  summary: 'A stored response',
  request: { params },
  responses: { 200: jsonResponse('The response.', responseObject), ...errors },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: PATH,
  summary: 'Forget a stored response',
  request: { params },
  responses: { 200: jsonResponse('It is forgotten.', responseDeleted), ...errors },
});

const itemsRoute = createRoute({
  method: 'get',
  path: `${PATH}/input_items`,
  summary: 'What a stored response was asked',
  request: { params, query: listItemsQuery },
  responses: { 200: jsonResponse('A page of items.', inputItemList), ...errors },
});

const cancelRoute = createRoute({
  method: 'post',
  path: `${PATH}/cancel`,
  summary: 'Not supported: only responses in the background could be cancelled',
  request: { params },
  responses: { ...errors },
});

export function storedResponses(parts: GatewayParts): RouteModule[] {
  return [
    {
      route: getRoute,
      routingPath: ROUTING_PATH,
      handle(context) {
        if (context.req.query('stream') === 'true') {
          throw new InvalidRequestError('A stored response is not streamed again.', {
            param: 'stream',
            reason: 'unsupported_parameter',
            hint: "Leave 'stream' out.",
          });
        }
        return context.json(find(context, parts).response);
      },
    },
    {
      route: deleteRoute,
      routingPath: ROUTING_PATH,
      handle(context) {
        const { id } = find(context, parts);
        parts.responses.delete(id, ownerOf(context.env.exchange));
        return context.json({ id, object: 'response', deleted: true });
      },
    },
    {
      route: itemsRoute,
      routingPath: `${ROUTING_PATH}/input_items`,
      handle(context) {
        const query = validateBody(listItemsQuery, context.req.query());
        return context.json(pageOf(find(context, parts).input, query));
      },
    },
    {
      route: cancelRoute,
      routingPath: `${ROUTING_PATH}/cancel`,
      handle(context) {
        find(context, parts);
        throw new InvalidRequestError('Only responses that are made in the background can be cancelled.', {
          reason: 'unsupported_operation',
          hint: 'Close the connection of the request to end it.',
        });
      },
    },
  ];
}

function find(context: GatewayContext, parts: GatewayParts): StoredResponse {
  const id = context.req.param('id') ?? '';
  const found = parts.responses.get(id, ownerOf(context.env.exchange));
  if (found === undefined)
    throw new ResponseNotFoundError(`The response ${JSON.stringify(id.slice(0, 100))} is not kept here, or no more.`);
  return found;
}
