import { createRoute, z } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import type { RouteModule } from '../http/route-module.ts';
import { jsonResponse } from './responses.ts';

const greeting = z
  .object({ name: z.string(), version: z.string(), message: z.string(), endpoints: z.array(z.string()) })
  .openapi('Greeting');

const route = createRoute({
  method: 'get',
  path: '/',
  summary: 'Where the API is',
  responses: { 200: jsonResponse('A greeting.', greeting) },
});

/** @param endpoints all routes, as `METHOD /path` */
export function root(parts: GatewayParts, endpoints: () => readonly string[]): RouteModule {
  return {
    route,
    handle: (context) =>
      context.json({
        name: 'pippa-agent',
        version: parts.version,
        message: 'This is an OpenAI-compatible API: set the base URL of your client to /v1 of this address.',
        endpoints: [...endpoints()],
      }),
  };
}
