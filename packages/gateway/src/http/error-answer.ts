import { anthropicError } from '../anthropic/error-body.ts';
import { ollamaError } from '../ollama/error-body.ts';
import type { DescribedError } from './error-body.ts';

/** An error as the API that was called puts it. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Errors have the shape of the API whose path was called; all paths that belong to none have OpenAI's. */
export function errorAnswer(path: string, described: DescribedError, requestId: string): ErrorAnswer {
  if (isAnthropicPath(path)) return anthropicError(described, requestId);
  if (path.startsWith('/api/')) return ollamaError(described);
  return { status: described.status, headers: described.headers, body: { error: described.error } };
}

const isAnthropicPath = (path: string): boolean => path === '/v1/messages' || path.startsWith('/v1/messages/');
