import { formatBytes, OverloadedError } from '@pippa/core';
import type { GatewayCounters } from '../counters.ts';
import { BodyTooLargeError } from '../errors.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Exchange } from './exchange.ts';

const RETRY_AFTER_SECONDS = 2;

/**
 * Reads a request's body into memory; its bytes count against the budget of all bodies until the exchange closes.
 * Throws `BodyTooLargeError` as soon as the announced or the received size is over the limit, `OverloadedError` when all bodies
 * together are, and the exchange's abort reason when the client goes away.
 */
export function readBody(
  exchange: Exchange,
  limits: Pick<GatewayLimits, 'maxBodyBytes' | 'maxBufferedBodyBytes'>,
  counters: GatewayCounters,
): Promise<Buffer> {
  const { incoming, outgoing, signal } = exchange;
  const tooLarge = (): BodyTooLargeError =>
    new BodyTooLargeError(`The request body is larger than the limit of ${formatBytes(limits.maxBodyBytes)}.`);
  if (Number(incoming.headers['content-length'] ?? 0) > limits.maxBodyBytes) return Promise.reject(tooLarge());
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  if (exchange.expectsContinue) outgoing.writeContinue();

  let received = 0;
  exchange.onClose(() => {
    counters.bufferedBodyBytes -= received;
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const settle = (act: () => void): void => {
      incoming.off('data', onData);
      incoming.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const refuse = (error: Error): void =>
      settle(() => {
        // What still arrives is dropped, so that the client can finish sending and read the answer.
        incoming.resume();
        reject(error);
      });
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      counters.bufferedBodyBytes += chunk.length;
      if (received > limits.maxBodyBytes) return refuse(tooLarge());
      if (counters.bufferedBodyBytes > limits.maxBufferedBodyBytes) {
        return refuse(new OverloadedError('Too many large requests at once. Try again shortly.', RETRY_AFTER_SECONDS));
      }
      chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const onAbort = (): void => refuse(signal.reason as Error);
    incoming.on('data', onData);
    incoming.on('end', onEnd);
    signal.addEventListener('abort', onAbort);
  });
}
