import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PippaError } from '@pippa/core';
import { HeadersTooLargeError, InvalidRequestError, RequestTimeoutError } from '../errors.ts';
import { describeError } from './error-body.ts';
import type { ExchangeRegistry } from './exchange-registry.ts';

/** Time for the client to read the answer before the connection is cut. */
const LINGER_MS = 1000;

/** Answers bytes that are no HTTP request, or that did not arrive in time, and closes the connection. */
export function answerBrokenRequest(cause: NodeJS.ErrnoException, socket: Duplex, exchanges: ExchangeRegistry): void {
  const isAnswering = socket instanceof Socket && exchanges.isAnswering(socket);
  if (cause.code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const { status, error } = describeError(toError(cause));
  const body = JSON.stringify({ error });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ].join('\r\n');
  socket.end(`${head}\r\n\r\n${body}`);
  // Closing at once with unread input would reset the connection, and the client would not see the answer.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

function toError(cause: NodeJS.ErrnoException): PippaError {
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestTimeoutError('The request did not arrive in time.');
  if (cause.code === 'HPE_HEADER_OVERFLOW') return new HeadersTooLargeError('The request line and headers are too large.');
  return new InvalidRequestError('The request is not valid HTTP.', { reason: 'invalid_http' });
}
