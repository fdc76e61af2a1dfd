import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { MiddlewareHandler } from 'hono';
import { InvalidApiKeyError } from '../errors.ts';
import type { GatewayEnv } from './environment.ts';

/** Answered without a key, so that monitors and people see that something is there; they show no models then. */
const OPEN_PATHS = new Set(['/', '/health', '/ready']);

/** Whether a request carries the key. Without a configured key every request does. */
export type KeyCheck = (incoming: IncomingMessage) => boolean;

export function createKeyCheck(apiKey: string | undefined): KeyCheck {
  if (apiKey === undefined) return () => true;
  const expected = digest(apiKey);
  return (incoming) => {
    const given = givenKey(incoming);
    return given !== undefined && timingSafeEqual(digest(given), expected);
  };
}

/** The key that a request carries, as OpenAI's clients send it or as Anthropic's do. */
export function givenKey({ headers }: IncomingMessage): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  const own = headers['x-api-key'];
  return bearer ?? (typeof own === 'string' ? own.trim() : undefined);
}

export function requireApiKey(hasKey: KeyCheck): MiddlewareHandler<GatewayEnv> {
  return async (context, next) => {
    if (OPEN_PATHS.has(context.req.path) || hasKey(context.env.incoming)) return next();
    throw new InvalidApiKeyError('The API key is missing or wrong.', {
      hint: 'Send it as "Authorization: Bearer <key>" or as "x-api-key: <key>".',
    });
  };
}

/** Equal lengths for the comparison, whatever was sent. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
