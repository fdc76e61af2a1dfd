import { OverloadedError, StoppedError } from '@pippa/core';
import type { MiddlewareHandler } from 'hono';
import type { GatewayCounters } from '../counters.ts';
import type { GatewayLimits } from '../limits.ts';
import type { ConnectionLimiter } from './connections.ts';
import type { GatewayEnv } from './environment.ts';

const RETRY_AFTER_SECONDS = 1;

/** Refuses what is over the limits of connections and requests, and what comes while the gateway stops. */
export function admission(
  limits: Pick<GatewayLimits, 'maxActiveRequests'>,
  counters: GatewayCounters,
  connections: ConnectionLimiter,
  isStopping: () => boolean,
): MiddlewareHandler<GatewayEnv> {
  return async (context, next) => {
    const { incoming, outgoing } = context.env;
    if (isStopping()) {
      outgoing.shouldKeepAlive = false;
      throw new StoppedError('The agent is shutting down.');
    }
    if (connections.isOverLimit(incoming.socket)) {
      outgoing.shouldKeepAlive = false;
      throw new OverloadedError('Too many connections are open. Try again shortly.', RETRY_AFTER_SECONDS);
    }
    if (counters.activeRequests > limits.maxActiveRequests) {
      throw new OverloadedError('Too many requests are under way. Try again shortly.', RETRY_AFTER_SECONDS);
    }
    return next();
  };
}
