import { GIB, KIB, MIB } from '@pippa/core';

/** Every bound of the HTTP side, in one place. Times are milliseconds, sizes bytes. */
export interface GatewayLimits {
  /** One request's body. A 128k-token prompt is about 0.5 MiB, so this leaves room for token arrays and long tool schemas. */
  readonly maxBodyBytes: number;
  /** Bodies of all requests together: many large ones at once must not exhaust the memory that models need. */
  readonly maxBufferedBodyBytes: number;
  /** How long the rest of a refused body is read and dropped, so that the client sees the answer instead of a reset connection. */
  readonly discardBodyMs: number;
  /** Nesting of arrays and objects: far over any tool schema, far under what makes recursive code overflow. */
  readonly maxJsonDepth: number;
  /** Values and keys in one body: small values cost far more memory parsed than sent. */
  readonly maxJsonValues: number;
  readonly maxHeaderBytes: number;
  /** Open sockets; a connection past it is told 503. */
  readonly maxConnections: number;
  /** Requests under way, waiting ones included; a request past it is told 503. */
  readonly maxActiveRequests: number;
  /** From the connection (or the last answer) to the end of the headers: ends slow-header attacks. */
  readonly headersTimeoutMs: number;
  /** From the connection (or the last answer) to the end of the body: ends slow-body attacks, allows 32 MiB over slow Wi-Fi. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept: longer than the pools of common clients, so that they close first. */
  readonly keepAliveTimeoutMs: number;
  /** Silence of a stream before a comment is sent, so that proxies and clients keep waiting. */
  readonly keepAliveCommentMs: number;
  /** How long a client may leave its stream unread before it counts as gone. */
  readonly stalledClientMs: number;
  /** Characters of a stream held back for a slow client before the generation is paused. */
  readonly maxPendingChars: number;
  /** Generations that one request may ask for: prompts x n. */
  readonly maxGenerations: number;
  /** How many of a request's generations run at once. */
  readonly parallelGenerations: number;
  /** Requests whose traces are kept: a few kilobytes each. */
  readonly maxTraces: number;
  /** How long `stop` lets running requests go on. */
  readonly drainMs: number;
  /** How long `stop` then waits for cancelled requests to end before it closes their sockets. */
  readonly abortMs: number;
}

export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  maxBodyBytes: 32 * MIB,
  maxBufferedBodyBytes: GIB / 4,
  discardBodyMs: 5000,
  maxJsonDepth: 64,
  maxJsonValues: 1_000_000,
  maxHeaderBytes: 16 * KIB,
  maxConnections: 2048,
  maxActiveRequests: 2048,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  keepAliveCommentMs: 10_000,
  stalledClientMs: 60_000,
  maxPendingChars: 256 * KIB,
  maxGenerations: 128,
  parallelGenerations: 8,
  maxTraces: 512,
  drainMs: 10_000,
  abortMs: 2000,
};
