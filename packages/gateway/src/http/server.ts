import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { GatewayLimits } from '../limits.ts';
import { answerBrokenRequest } from './broken-request.ts';
import type { ConnectionLimiter } from './connections.ts';
import type { ExchangeRegistry } from './exchange-registry.ts';

/** How often node looks for connections over their time limits: often enough for the limits to mean what they say. */
const CHECKS_PER_TIMEOUT = 4;

export interface HttpServerParts {
  readonly limits: GatewayLimits;
  readonly exchanges: ExchangeRegistry;
  readonly connections: ConnectionLimiter;
  readonly onRequest: RequestListener;
  /** A client waits for `100 Continue`. */
  readonly onExpectedRequest: RequestListener;
}

/** A node HTTP server with every limit set; it does not listen yet. */
export function createHttpServer(parts: HttpServerParts): Server {
  const { limits } = parts;
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.ceil(Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs) / CHECKS_PER_TIMEOUT),
    // The first token must not wait for Nagle's algorithm.
    noDelay: true,
    // The host guard answers this in the API's own shape.
    requireHostHeader: false,
  });
  parts.connections.watch(server);
  server.on('request', parts.onRequest);
  server.on('checkContinue', parts.onExpectedRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => answerBrokenRequest(error, socket, parts.exchanges));
  return server;
}
