import type { Logger } from '@pippa/core';
import type { GatewayCounters } from '../counters.ts';
import { describeError } from './error-body.ts';
import type { Exchange } from './exchange.ts';

const FIRST_SERVER_ERROR = 500;
const STATUS_UNAVAILABLE = 503;

/** Puts the error's code into the access log, and what is the server's own fault into the log with all there is to know. */
export function logFailure(exchange: Exchange, error: unknown, logger: Logger, counters: GatewayCounters): void {
  const { status, error: described } = describeError(error);
  exchange.logFields['error'] = described.code ?? described.type;
  if (status < FIRST_SERVER_ERROR || status === STATUS_UNAVAILABLE) return;
  counters.serverErrors++;
  logger.error({ requestId: exchange.id, error }, 'request failed');
}
