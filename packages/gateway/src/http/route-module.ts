import type { createRoute } from '@hono/zod-openapi';
import type { KeyScope } from '../access/access-key.ts';
import type { GatewayContext } from './environment.ts';

/** A documented route with its handler. */
export interface RouteModule {
  /** What OpenAPI says about it; the same schemas check the requests. */
  readonly route: ReturnType<typeof createRoute>;
  /** Path pattern for the router where OpenAPI's path cannot say it, such as parameters with slashes. */
  readonly routingPath?: string;
  /** What the caller's key must allow; left out: `inference`. */
  readonly scope?: KeyScope;
  readonly handle: (context: GatewayContext) => Response | Promise<Response>;
}
