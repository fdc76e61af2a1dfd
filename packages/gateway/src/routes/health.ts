import { createRoute, z } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import type { RouteModule } from '../http/route-module.ts';
import { jsonResponse } from './responses.ts';

const health = z
  .looseObject({
    status: z.enum(['ok', 'no_model']),
    version: z.string().optional(),
    models: z.array(z.string()).optional().openapi({ description: 'Left out, like the rest, when a key is needed and not given.' }),
    loading: z
      .array(z.object({ model: z.string(), progress: z.number(), message: z.string() }))
      .optional()
      .openapi({ description: 'Models that are being loaded, and how much of each is, 0 to 1.' }),
    active_requests: z.int().optional(),
    active_generations: z.int().optional(),
  })
  .openapi('Health');

const route = createRoute({
  method: 'get',
  path: '/health',
  summary: 'Whether the agent is ready to answer',
  responses: {
    200: jsonResponse('The agent is up; `no_model` when it has nothing to answer with yet.', health),
    503: jsonResponse('The agent is shutting down.', z.unknown()),
  },
});

export function healthRoute(parts: GatewayParts): RouteModule {
  return {
    route,
    handle(context) {
      const names = parts.models.list().map((model) => model.name);
      const status = names.length > 0 ? 'ok' : 'no_model';
      if (context.env.exchange.caller === undefined) return context.json({ status });
      const loading = parts.loadingModels();
      return context.json({
        ...parts.healthDetails(),
        status,
        version: parts.version,
        models: names,
        ...(loading.length > 0 ? { loading: [...loading] } : {}),
        active_requests: parts.counters.activeRequests,
        active_generations: parts.counters.activeGenerations,
      });
    },
  };
}
