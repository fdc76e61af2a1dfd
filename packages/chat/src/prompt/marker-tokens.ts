import type { TokenId, Tokenizer } from '@pippa/core';

/** The token that alone stands for `text`, or undefined when the text takes several. */
export async function singleToken(tokenizer: Tokenizer, text: string): Promise<TokenId | undefined> {
  const tokens = await tokenizer.tokenize(text, { addSpecial: false, parseSpecial: true });
  const [token] = tokens;
  return tokens.length === 1 && token !== undefined && pieceText(tokenizer, token) === text ? token : undefined;
}

/** Whether the vocabulary has `text` as one control token. */
export async function hasSingleToken(tokenizer: Tokenizer, text: string): Promise<boolean> {
  const token = await singleToken(tokenizer, text);
  return token !== undefined && tokenizer.isControl(token);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of one token on its own, control tokens too; what is no whole character shows as U+FFFD. */
export function pieceText(tokenizer: Tokenizer, token: TokenId): string {
  return decoder.decode(tokenizer.piece(token, true));
}
