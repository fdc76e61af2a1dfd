import { z } from 'zod';
import { BadMessageError } from './errors.ts';

/** Names of protocols inside `STREAM_PROTOCOL`, such as `ring/activations/1`. */
export const MAX_PROTOCOL_NAME = 128;
const text = (max: number) => z.string().max(max);

/** First frame of a stream, from the side that opens it. */
export const openMessage = z.strictObject({ kind: z.literal('open'), protocol: text(MAX_PROTOCOL_NAME).min(1) });

/** What the streams themselves say to each other, in control frames. */
export const streamMessage = z.discriminatedUnion('kind', [
  openMessage,
  /** The other side has a handler and runs it. */
  z.strictObject({ kind: z.literal('accept') }),
  /** The stream ends well: nothing comes after it. */
  z.strictObject({ kind: z.literal('goodbye') }),
  /** The stream ends badly; a reset follows. Also the answer to an `open` that nobody handles. */
  z.strictObject({
    kind: z.literal('abort'),
    code: text(64),
    message: text(2_000),
    hint: text(2_000).optional(),
    retryable: z.boolean().optional(),
  }),
]);
export type StreamMessage = z.infer<typeof streamMessage>;

/** Cuts what is too long for the wire; errors may quote anything. */
export function abortMessage(error: {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly retryable?: boolean;
}): StreamMessage {
  return {
    kind: 'abort',
    code: error.code.slice(0, 64),
    message: error.message.slice(0, 2_000),
    ...(error.hint === undefined ? {} : { hint: error.hint.slice(0, 2_000) }),
    ...(error.retryable === undefined ? {} : { retryable: error.retryable }),
  };
}

/** The answer to a question of `Mesh.request`, as the header of the one frame that comes back. */
export const answerMessage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('answer'), value: z.unknown() }),
  z.strictObject({ kind: z.literal('refusal'), code: text(64), message: text(2_000), hint: text(2_000).optional() }),
]);
export type AnswerMessage = z.infer<typeof answerMessage>;

/** Checks a decoded header; throws `BadMessageError` that names the first thing wrong with it. */
export function parseMessage<Schema extends z.ZodType>(schema: Schema, header: unknown, what: string): z.infer<Schema> {
  const parsed = schema.safeParse(header);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BadMessageError(`Not a message of ${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
}
