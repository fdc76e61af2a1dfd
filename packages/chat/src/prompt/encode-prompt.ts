import type { TokenId, Tokenizer } from '@pippa/core';

/** A text that no vocabulary merges with what follows it; put before a piece so that it is tokenized as the middle of a text. */
const LEAD = '\n';

/**
 * Tokens of a prompt whose control tokens are the template's own: every piece is parsed for control texts, and cutting happened
 * where one must not arise (`UntrustedText.pieces`). The begin token is added unless the template printed it already.
 */
export async function encodePrompt(tokenizer: Tokenizer, pieces: readonly string[]): Promise<Int32Array> {
  const [first = '', ...rest] = pieces;
  const parts = [await tokenizer.tokenize(first, { addSpecial: false, parseSpecial: true })];
  if (rest.length > 0) {
    const lead = await tokenizer.tokenize(LEAD, { addSpecial: false, parseSpecial: true });
    for (const piece of rest) parts.push(await encodeMiddle(tokenizer, piece, lead));
  }
  const begin = tokenizer.beginOfSequence;
  const addBegin = tokenizer.addBeginOfSequence && begin !== undefined && parts[0]?.[0] !== begin;
  return concatenate(addBegin ? [Int32Array.of(begin), ...parts] : parts);
}

/** Some tokenizers put a space before the start of a text; the middle of one has none. */
async function encodeMiddle(tokenizer: Tokenizer, piece: string, lead: Int32Array): Promise<Int32Array> {
  const tokens = await tokenizer.tokenize(LEAD + piece, { addSpecial: false, parseSpecial: true });
  if (lead.every((token, index) => tokens[index] === token)) return tokens.subarray(lead.length);
  return tokenizer.tokenize(piece, { addSpecial: false, parseSpecial: true });
}

function concatenate(parts: readonly Int32Array[]): Int32Array {
  const result = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** Whether every id is a token of the vocabulary; `undefined` when so, else the first that is not. */
export function firstUnknownToken(tokenizer: Tokenizer, tokens: readonly number[]): TokenId | undefined {
  return tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= tokenizer.vocabularySize);
}
