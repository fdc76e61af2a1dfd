import { createRoute, z } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import type { RouteModule } from '../http/route-module.ts';
import { jsonResponse } from './responses.ts';

const STATUS_UNAVAILABLE = 503;
const RETRY_AFTER_SECONDS = '2';

const readiness = z
  .object({ ready: z.boolean(), reason: z.enum(['loading', 'no_model', 'stopping']).optional() })
  .openapi('Readiness');

const route = createRoute({
  method: 'get',
  path: '/ready',
  summary: 'Whether requests should be sent here',
  description: '`/health` says that the process works; this says that it can answer. For load balancers and start-up scripts.',
  responses: {
    200: jsonResponse('There is a model to ask.', readiness),
    503: jsonResponse('Models are still loading, there is none, or the agent is shutting down.', readiness),
  },
});

export function readyRoute(parts: GatewayParts): RouteModule {
  return {
    route,
    handle(context) {
      const reason = whyNot(parts);
      if (reason === undefined) return context.json({ ready: true });
      return context.json({ ready: false, reason }, STATUS_UNAVAILABLE, { 'retry-after': RETRY_AFTER_SECONDS });
    },
  };
}

function whyNot({ models, isLoaded, isStopping }: GatewayParts): 'loading' | 'no_model' | 'stopping' | undefined {
  if (isStopping()) return 'stopping';
  if (!isLoaded()) return 'loading';
  return models.list().length === 0 ? 'no_model' : undefined;
}
