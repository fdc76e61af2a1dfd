import { createRoute, z } from '@hono/zod-openapi';
import type { ModelService, ServedModel } from '@pippa/core';
import { anthropicModel, anthropicModels } from '../anthropic/models.ts';
import { anthropicModelInfo, anthropicModelList } from '../anthropic/response-schemas.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { GatewayContext } from '../http/environment.ts';
import type { RouteModule } from '../http/route-module.ts';
import { namedModel } from '../openai/find-model.ts';
import { errorResponse, model, modelList } from '../openai/schemas/responses.ts';
import { commonErrors, jsonResponse } from './responses.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/models',
  summary: 'The models that can be asked',
  responses: {
    200: jsonResponse(
      'All models; in the shape of Anthropic with an `anthropic-version` header.',
      z.union([modelList, anthropicModelList]),
    ),
    ...commonErrors,
  },
});

const oneRoute = createRoute({
  method: 'get',
  path: '/v1/models/{model}',
  summary: 'One model',
  request: {
    params: z.object({ model: z.string().openapi({ description: 'Its name; slashes and colons may stand as they are.' }) }),
  },
  responses: {
    200: jsonResponse(
      'The model; in the shape of Anthropic with an `anthropic-version` header.',
      z.union([model, anthropicModelInfo]),
    ),
    404: jsonResponse('No such model; the message names the ones there are.', errorResponse),
    ...commonErrors,
  },
});

export function models(parts: GatewayParts): RouteModule[] {
  return [
    {
      route: listRoute,
      handle: (context) => context.json(isAnthropic(context) ? anthropicModels(parts.models) : describeModels(parts.models)),
    },
    {
      route: oneRoute,
      routingPath: '/v1/models/:model{.+}',
      handle(context) {
        const served = namedModel(parts.models, context.req.param('model') ?? '');
        return context.json(isAnthropic(context) ? anthropicModel(served) : describeModel(served));
      },
    },
  ];
}

/** Both APIs have the same paths: Anthropic's clients are known by the version that they name. */
const isAnthropic = (context: GatewayContext): boolean => context.env.incoming.headers['anthropic-version'] !== undefined;

export function describeModels(service: ModelService): z.output<typeof modelList> {
  return { object: 'list', data: service.list().map((served) => describeModel(served)) };
}

function describeModel(served: ServedModel): z.output<typeof model> {
  return {
    id: served.name,
    object: 'model',
    created: Math.floor(served.createdMs / 1000),
    owned_by: 'pippa',
    context_length: served.contextTokens,
    meta: {
      architecture: served.architecture,
      n_params: served.parameterCount,
      n_ctx: served.contextTokens,
      size: served.fileBytes,
    },
  };
}
