import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Clock, Logger } from '@pippa/core';
import type { Hono } from 'hono';
import { InvalidRequestError } from '../errors.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { parseTraceParent } from '../telemetry/otlp-spans.ts';
import type { TraceExporter } from '../telemetry/trace-exporter.ts';
import type { TraceLog } from '../telemetry/trace-log.ts';
import { answeredStatus, logAccess } from './access-log.ts';
import type { GatewayEnv } from './environment.ts';
import { describeError } from './error-body.ts';
import type { Exchange } from './exchange.ts';
import type { ExchangeRegistry } from './exchange-registry.ts';

export interface RequestListenerParts {
  readonly app: Hono<GatewayEnv>;
  readonly exchanges: ExchangeRegistry;
  readonly limits: Pick<GatewayLimits, 'discardBodyMs' | 'stalledClientMs'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly traces: TraceLog;
  readonly exporter: TraceExporter | undefined;
}

/** Ties node's requests to the app: an exchange for each, its access log line, and an end for what the client leaves hanging. */
export function createRequestListener(parts: RequestListenerParts, expectsContinue: boolean): RequestListener {
  const { app, exchanges, limits, clock, logger, metrics, traces, exporter } = parts;
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const exchange = exchanges.open(incoming, outgoing, expectsContinue);
    outgoing.setHeader('x-request-id', exchange.id);
    // No page of another site may load an answer as a script, an image or a frame, which browsers do without asking first.
    outgoing.setHeader('cross-origin-resource-policy', 'same-origin');
    outgoing.setHeader('x-content-type-options', 'nosniff');
    // What is only looked at does not push out the traces of what was worked on.
    if (incoming.method === 'POST') traces.add(exchange.trace);
    exchange.onClose(() => {
      const durationMs = clock.nowMs() - exchange.startedMs;
      endTrace(exchange, durationMs);
      if (incoming.method === 'POST') exporter?.add(exchange.trace.trace, parseTraceParent(incoming.headers['traceparent']));
      const { route } = exchange.trace;
      metrics.observeRequest({ method: incoming.method ?? 'GET', route, status: answeredStatus(exchange), durationMs });
      logAccess(exchange, durationMs, logger);
      discardRest(exchange, clock, limits.discardBodyMs);
    });
    const listener = getRequestListener((request, bindings) => app.fetch(request, { ...bindings, exchange }), {
      hostname: 'localhost',
      // A library must not replace the process's Request and Response.
      overrideGlobalObjects: false,
      // Its time and size limits would cut off clients that are still sending a refused body.
      autoCleanupIncoming: false,
      errorHandler: (error) => malformedTarget(error, exchange, logger),
    });
    void listener(incoming, outgoing).finally(() => {
      // The answer is complete on this side; what remains is the client reading it.
      const cancel = clock.schedule(limits.stalledClientMs, () => outgoing.destroy());
      exchange.onClose(cancel);
    });
  };
}

function endTrace({ trace, gone, logFields, outgoing }: Exchange, durationMs: number): void {
  const error = logFields['error'];
  trace.end({
    state: gone ? 'disconnected' : 'done',
    durationMs,
    ...(gone ? {} : { status: outgoing.statusCode }),
    ...(error === undefined ? {} : { error: String(error) }),
  });
}

/** Only what fails before the app runs comes here: a request target or Host that makes no URL. */
function malformedTarget(error: unknown, exchange: Exchange, logger: Logger): Response {
  logger.debug({ requestId: exchange.id, error }, 'malformed request target');
  const described = describeError(
    new InvalidRequestError('The request target or Host header is malformed.', { reason: 'invalid_url' }),
  );
  return Response.json({ error: described.error }, { status: described.status });
}

/** After an early answer the client may still be sending: it gets a moment to finish, then the connection is closed. */
function discardRest({ incoming }: Exchange, clock: Clock, discardBodyMs: number): void {
  if (incoming.complete || incoming.destroyed) return;
  incoming.resume();
  const cancel = clock.schedule(discardBodyMs, () => {
    if (!incoming.complete) incoming.socket.destroy();
  });
  incoming.once('close', cancel);
}
