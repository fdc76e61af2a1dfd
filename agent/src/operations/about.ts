import { z } from 'zod';
import { operation } from '../control/contract.ts';

/** Which agent this is. */
export const aboutOperation = operation(
  'about',
  z.strictObject({}),
  z.object({
    version: z.string(),
    /** Process id. */
    pid: z.int(),
    /** Where its HTTP API listens: `http://127.0.0.1:11500`; missing until it does. */
    url: z.string().optional(),
  }),
);
