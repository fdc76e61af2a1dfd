import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { TlsError } from '../errors.ts';
import type { GatewayLimits } from '../limits.ts';
import { answerBrokenRequest } from './broken-request.ts';
import type { ConnectionLimiter } from './connections.ts';
import type { ExchangeRegistry } from './exchange-registry.ts';

/** How often node looks for connections over their time limits: often enough for the limits to mean what they say. */
const CHECKS_PER_TIMEOUT = 4;

/** How long a client may take to agree on encryption; node's own two minutes invite many of them. */
const TLS_HANDSHAKE_MS = 10_000;

/** PEM texts: the certificate with its chain, and its private key. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface HttpServerParts {
  readonly tls: TlsFiles | undefined;
  readonly limits: GatewayLimits;
  readonly exchanges: ExchangeRegistry;
  readonly connections: ConnectionLimiter;
  readonly onRequest: RequestListener;
  /** A client waits for `100 Continue`. */
  readonly onExpectedRequest: RequestListener;
}

/** Throws `TlsError` for files that are no certificate and its key. */
export function checkTls({ certificate, key }: TlsFiles): void {
  try {
    createSecureContext({ cert: certificate, key });
  } catch (cause) {
    throw new TlsError(cause);
  }
}

/** A node HTTP server with every limit set; it does not listen yet. */
export function createHttpServer(parts: HttpServerParts): Server {
  const { limits, tls } = parts;
  const options = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.ceil(Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs) / CHECKS_PER_TIMEOUT),
    // The first token must not wait for Nagle's algorithm.
    noDelay: true,
    // The host guard answers this in the API's own shape.
    requireHostHeader: false,
  };
  const server: Server =
    tls === undefined
      ? createServer(options)
      : createSecureServer({ ...options, cert: tls.certificate, key: tls.key, handshakeTimeout: TLS_HANDSHAKE_MS });
  parts.connections.watch(server, tls !== undefined);
  server.on('request', parts.onRequest);
  server.on('checkContinue', parts.onExpectedRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => answerBrokenRequest(error, socket, parts.exchanges));
  return server;
}
