import type { z } from '@hono/zod-openapi';
import type { TextLogprob } from '@pippa/core';
import type { chatLogprobs, completionLogprobs } from './schemas/responses.ts';

export type ChatTokenLogprob = z.output<typeof chatLogprobs>['content'][number];
/** Parallel arrays, and where in the text each token begins. */
export type CompletionLogprobs = z.output<typeof completionLogprobs>;

/** JSON has no infinity; OpenAI writes this for what cannot happen. */
const IMPOSSIBLE_LOGPROB = -9999;

export const finiteLogprob = (logprob: number): number => (Number.isFinite(logprob) ? logprob : IMPOSSIBLE_LOGPROB);

const shown = ({
  text,
  logprob,
  bytes,
}: Pick<TextLogprob, 'text' | 'logprob' | 'bytes'>): Omit<ChatTokenLogprob, 'top_logprobs'> => ({
  token: text,
  logprob: finiteLogprob(logprob),
  bytes: [...bytes],
});

/** Log probabilities in the shape of chat completions. */
export function chatTokenLogprobs(logprobs: readonly TextLogprob[]): ChatTokenLogprob[] {
  return logprobs.map((one) => ({ ...shown(one), top_logprobs: one.top.map((other) => shown(other)) }));
}

/**
 * Log probabilities in the shape of plain completions.
 * @param offset characters (code points) of the choice's text before these tokens
 */
export function completionTokenLogprobs(logprobs: readonly TextLogprob[], offset: number): CompletionLogprobs {
  const result: CompletionLogprobs = { text_offset: [], tokens: [], token_logprobs: [], top_logprobs: [] };
  let position = offset;
  for (const { text, logprob, top } of logprobs) {
    result.text_offset.push(position);
    result.tokens.push(text);
    // The first token of an echoed prompt has no others to be likely after.
    const known = !Number.isNaN(logprob);
    result.token_logprobs.push(known ? finiteLogprob(logprob) : null);
    result.top_logprobs.push(known ? Object.fromEntries(top.map((other) => [other.text, finiteLogprob(other.logprob)])) : null);
    position += characterCount(text);
  }
  return result;
}

/** Characters as OpenAI counts offsets: code points, not UTF-16 units. */
export function characterCount(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    const isLowSurrogate = unit >= 0xdc00 && unit <= 0xdfff;
    if (!isLowSurrogate) count++;
  }
  return count;
}
