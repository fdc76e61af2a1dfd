import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Exchange } from './exchange.ts';

/** What handlers and middleware find in `context.env`. */
export interface GatewayEnv {
  Bindings: HttpBindings & { readonly exchange: Exchange };
}

export type GatewayContext = Context<GatewayEnv>;
