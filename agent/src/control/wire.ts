import { MIB, PippaError } from '@pippa/core';
import { z } from 'zod';

/**
 * A call is a `POST /<operation>` over the agent's socket with the input as JSON. The answer is one JSON object a line
 * (application/x-ndjson): any number of `{"event": ...}`, and one `{"result": ...}` or `{"error": ...}` at the end.
 */
export const NDJSON = 'application/x-ndjson';

/** Inputs are a few names and numbers. */
export const MAX_INPUT_BYTES = MIB;
/** Longest line of an answer: the cards of a large mesh with long model lists. */
export const MAX_LINE_BYTES = 64 * MIB;
/** A caller that leaves more than this unread is cut off. */
export const MAX_UNREAD_BYTES = 8 * MIB;
/** Calls at the same time; each command holds one. */
export const MAX_CALLS = 64;

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

export type WireError = z.output<typeof errorSchema>;

export const lineSchema = z.union([
  z.object({ error: errorSchema }),
  z.object({ event: z.unknown() }).refine((line) => 'event' in line),
  z.object({ result: z.unknown() }),
]);

/** What of an error crosses the socket. An unexpected one keeps its message alone. */
export function wireError(error: unknown): WireError {
  if (!(error instanceof PippaError)) {
    return { code: 'internal', message: `The agent failed: ${error instanceof Error ? error.message : String(error)}` };
  }
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}
