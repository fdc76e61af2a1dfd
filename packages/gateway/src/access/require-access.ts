import type { MiddlewareHandler } from 'hono';
import { InvalidApiKeyError } from '../errors.ts';
import type { GatewayEnv } from '../http/environment.ts';
import type { Access } from './access.ts';
import type { CallerLimits } from './caller-limits.ts';

/** Answered without a key, so that monitors and people see that something is there; they show no models then. */
const OPEN_PATHS = new Set(['/', '/health', '/ready']);

/** Finds out who asks, refuses strangers, and keeps keys to their limits. Looking is not counted, working (POST) is. */
export function requireAccess(access: Access, limits: CallerLimits): MiddlewareHandler<GatewayEnv> {
  return async (context, next) => {
    const { exchange, incoming } = context.env;
    const caller = access.identify(incoming);
    if (caller === undefined) {
      if (OPEN_PATHS.has(context.req.path)) return next();
      throw new InvalidApiKeyError('The API key is missing or wrong.', {
        hint: 'Send it as "Authorization: Bearer <key>" or as "x-api-key: <key>".',
      });
    }
    exchange.caller = caller;
    if (caller.id !== 'local') {
      exchange.trace.key = caller.name;
      exchange.logFields['key'] = caller.name;
    }
    if (incoming.method === 'POST') exchange.onClose(limits.enter(caller));
    return next();
  };
}
