import type { IncomingMessage } from 'node:http';

/** The key that a request carries, as OpenAI's clients send it or as Anthropic's do. */
export function givenKey({ headers }: IncomingMessage): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  const own = headers['x-api-key'];
  return bearer ?? (typeof own === 'string' ? own.trim() : undefined);
}
