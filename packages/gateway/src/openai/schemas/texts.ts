import { z } from '@hono/zod-openapi';
import { MAX_NAME_CHARS, MAX_TEXT_CHARS } from './bounds.ts';

/** What a model reads or wrote. */
export const text = z.string().max(MAX_TEXT_CHARS);
/** A model, a role, a kind, an id. */
export const name = z.string().max(MAX_NAME_CHARS);
