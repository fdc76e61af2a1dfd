import { createRoute, z } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import type { RouteModule } from '../http/route-module.ts';
import { commonErrors } from './responses.ts';

const route = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Figures for Prometheus',
  responses: {
    200: {
      description: 'The text format of Prometheus, version 0.0.4.',
      content: { 'text/plain': { schema: z.string() } },
    },
    ...commonErrors,
  },
});

export function metricsRoute({ metrics }: GatewayParts): RouteModule {
  return { route, handle: async (context) => context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }) };
}
