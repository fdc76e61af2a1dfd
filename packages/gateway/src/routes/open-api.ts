import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { GatewayEnv } from '../http/environment.ts';
import type { RouteModule } from '../http/route-module.ts';
import { jsonResponse } from './responses.ts';

const route = createRoute({
  method: 'get',
  path: '/openapi.json',
  summary: 'This description',
  responses: { 200: jsonResponse('An OpenAPI 3.1 document.', z.looseObject({ openapi: z.string() })) },
});

/** Serves the description of all routes; it is made on the first request, when all of them are registered. */
export function openApi(app: OpenAPIHono<GatewayEnv>, version: string): RouteModule {
  let document: ReturnType<typeof app.getOpenAPI31Document> | undefined;
  return {
    route,
    handle(context) {
      document ??= app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'pippa-agent',
          version,
          license: { name: 'MIT' },
          description: 'An OpenAI-compatible API to the models of this mesh. All errors have the shape of OpenAI.',
        },
        servers: [{ url: '/' }],
      });
      return context.json(document);
    },
  };
}
