import type { Logger } from '@pippa/core';
import type { Exchange } from './exchange.ts';

/** Status of a request whose client left before an answer began, as nginx logs it. */
const STATUS_CLIENT_GONE = 499;
const MAX_PATH_CHARS = 200;

/** Polled by monitors: not worth a line each. */
const QUIET_PATHS = new Set(['/health', '/ready', '/metrics']);

/** One line a request: who took how long for what. Neither query strings nor bodies are logged. */
export function logAccess(exchange: Exchange, durationMs: number, logger: Logger): void {
  const { incoming } = exchange;
  const path = (incoming.url ?? '').replace(/\?.*$/, '').slice(0, MAX_PATH_CHARS);
  const fields = {
    requestId: exchange.id,
    method: incoming.method,
    path,
    status: answeredStatus(exchange),
    durationMs: Math.round(durationMs),
    ...(exchange.gone ? { disconnected: true } : {}),
    ...exchange.logFields,
  };
  if (QUIET_PATHS.has(path)) logger.debug(fields, 'request');
  else logger.info(fields, 'request');
}

/** The status that went out, or what stands for none. */
export function answeredStatus({ outgoing }: Exchange): number {
  return outgoing.headersSent ? outgoing.statusCode : STATUS_CLIENT_GONE;
}
