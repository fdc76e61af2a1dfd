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

/** The errors of calls that generate text, in the shape of the API that they belong to. */
export const errorsShaped = (schema: z.ZodType) => ({
  ...commonErrorsShaped(schema),
  400: jsonResponse('The request is malformed, or the prompt does not fit the context.', schema),
  404: jsonResponse('No such model; the message names the ones there are.', schema),
  413: jsonResponse('The body is too large.', schema),
  415: jsonResponse('The body is not JSON.', schema),
});

/** Those of calls that do not. */
export const commonErrorsShaped = (schema: z.ZodType) => ({
  401: jsonResponse('The API key is missing or wrong.', schema),
  403: jsonResponse('The host name, the origin, or what the key asks for is not allowed.', schema),
  429: jsonResponse('The key has sent all it may for now; `Retry-After` says when to try again.', schema),
  500: jsonResponse('The server failed.', schema),
  503: jsonResponse('Too much is under way, or the server stops; `Retry-After` says when to try again.', schema),
});

/** The errors any call can end with. */
export const commonErrors = commonErrorsShaped(errorResponse);

/** The errors of calls that generate text. */
export const generationErrors = errorsShaped(errorResponse);
