import type { z } from '@hono/zod-openapi';
import { errorResponse } from '../openai/schemas/responses.ts';

interface DocumentedResponse {
  readonly description: string;
  readonly content: Record<string, { readonly schema: z.ZodType }>;
}

export const jsonResponse = (description: string, schema: z.ZodType): DocumentedResponse => ({
  description,
  content: { 'application/json': { schema } },
});

/** The errors any call can end with. */
export const commonErrors = {
  401: jsonResponse('The API key is missing or wrong.', errorResponse),
  403: jsonResponse('The host name or the origin of the request is not allowed.', errorResponse),
  500: jsonResponse('The server failed.', errorResponse),
  503: jsonResponse('Too much is under way, or the server stops; `Retry-After` says when to try again.', errorResponse),
};

/** The errors of calls that generate text. */
export const generationErrors = {
  ...commonErrors,
  400: jsonResponse('The request is malformed, or the prompt does not fit the context.', errorResponse),
  404: jsonResponse('No such model; the message names the ones there are.', errorResponse),
  413: jsonResponse('The body is too large.', errorResponse),
  415: jsonResponse('The body is not JSON.', errorResponse),
};
