import type { Clock, Logger } from '@pippa/core';
import type { Exchange } from './exchange.ts';

/** Status of a request whose client left before an answer began, as nginx logs it. */
const STATUS_CLIENT_GONE = 499;
const MAX_PATH_CHARS = 200;

/** Polled by monitors: not worth a line each. */
const QUIET_PATHS = new Set(['/health']);

/** One line a request: who took how long for what. Neither query strings nor bodies are logged. */
export function logAccess(exchange: Exchange, clock: Clock, logger: Logger): void {
  const { incoming, outgoing } = exchange;
  const path = (incoming.url ?? '').replace(/\?.*$/, '').slice(0, MAX_PATH_CHARS);
  const fields = {
    requestId: exchange.id,
    method: incoming.method,
    path,
    status: outgoing.headersSent ? outgoing.statusCode : STATUS_CLIENT_GONE,
    durationMs: Math.round(clock.nowMs() - exchange.startedMs),
    ...(exchange.gone ? { disconnected: true } : {}),
    ...exchange.logFields,
  };
  if (QUIET_PATHS.has(path)) logger.debug(fields, 'request');
  else logger.info(fields, 'request');
}
