import { z } from '@hono/zod-openapi';

/**
 * Any JSON object, as it is. Unlike `z.record`, this does not visit the keys: there may be as many as the body holds, and each
 * would cost microseconds.
 */
export const jsonObject = z
  .custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'expected an object',
    params: { reason: 'invalid_type' },
  })
  .openapi({ type: 'object', additionalProperties: true });
