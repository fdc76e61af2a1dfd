import { PromptTooLongError, type ChatRequest, type ServedModel } from '@pippa/core';
import { splitText, type TextPart } from './split-text.ts';

/** Share of the context that a prompt may take: the result needs room too, and is about as long. */
const PROMPT_SHARE = 0.5;
/** Where a model does not tell how much it holds before it is up. */
const ASSUMED_CONTEXT_TOKENS = 4096;
/** Characters of a token of a model that does not count. */
const CHARS_PER_TOKEN = 4;
/** Smaller parts make no sense to a model any more. */
const MIN_PART_CHARS = 32;
/** Parts of one text: more is a book, and hours of work. */
const MAX_PARTS = 1000;

/**
 * The parts of a text whose prompts fit the model, with room for an answer; the whole text where it fits. `request` makes the prompt of
 * a part. Throws `PromptTooLongError` when even small parts do not fit, or there are too many.
 */
export async function fitText(
  text: string,
  model: ServedModel,
  request: (part: string) => ChatRequest,
): Promise<readonly TextPart[]> {
  const contextTokens = model.contextTokens > 0 ? model.contextTokens : ASSUMED_CONTEXT_TOKENS;
  const limit = Math.floor(contextTokens * PROMPT_SHARE);
  const count = async (part: string): Promise<number> => {
    const asked = request(part);
    if (model.countPromptTokens !== undefined) return model.countPromptTokens(asked);
    return Math.ceil(asked.messages.reduce((sum, message) => sum + message.content.length, 0) / CHARS_PER_TOKEN);
  };
  const whole = await count(text);
  if (whole <= limit) return [{ text, separator: '' }];
  const overhead = await count('');
  const charsPerToken = text.length / Math.max(1, whole - overhead);
  // Texts are not even: where a part turns out too long, all are cut smaller.
  for (let maxChars = (limit - overhead) * charsPerToken; maxChars >= MIN_PART_CHARS; maxChars /= 2) {
    const parts = splitText(text, Math.floor(maxChars));
    if (parts.length > MAX_PARTS) break;
    if (await allFit(parts, limit, count)) return parts;
  }
  throw new PromptTooLongError(whole, contextTokens);
}

async function allFit(parts: readonly TextPart[], limit: number, count: (part: string) => Promise<number>): Promise<boolean> {
  for (const { text } of parts) if ((await count(text)) > limit) return false;
  return true;
}
