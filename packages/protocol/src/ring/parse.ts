import type { z } from 'zod';
import { ProtocolError } from '../errors.ts';

/** A message that keeps its schema, typed; throws a `ProtocolError` that names the field. */
export function parseMessage<Schema extends z.ZodType>(what: string, schema: Schema, message: unknown): z.output<Schema> {
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new ProtocolError(`A peer sent a ${what} that is none: ${issue?.message ?? 'it has no shape'}${path}.`);
}
