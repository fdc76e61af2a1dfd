/** The pre-tokenizer that llama.cpp calls `gpt-2`: merges never cross its borders. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

export const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;

/** GPT-2's printable stand-ins for the 256 bytes. */
export function byteSymbols(): readonly string[] {
  const printable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/** A byte-level BPE vocabulary: special tokens, the bytes, then the merges in order of rank. */
export interface BytePairVocabulary {
  readonly tokens: readonly string[];
  readonly merges: readonly string[];
}

/** Merges the most frequent neighbours (the first in order on a tie) until the vocabulary is full. */
export function trainBytePairs(texts: readonly string[], size: number): BytePairVocabulary {
  const symbols = byteSymbols();
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const part of text.split(/<\|[a-z_]+\|>/))
      for (const [word] of part.matchAll(WORDS)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].map(([word, count]) => ({
    parts: [...new TextEncoder().encode(word)].map((byte) => symbols[byte] as string),
    count,
  }));
  const tokens: string[] = [...SPECIAL_TOKENS, ...symbols];
  const merges: string[] = [];
  while (tokens.length < size) {
    const best = mostFrequentPair(words);
    if (best === undefined) break;
    const [left, right] = best;
    merges.push(`${left} ${right}`);
    tokens.push(left + right);
    for (const word of words) merge(word.parts, left, right);
  }
  return { tokens, merges };
}

function mostFrequentPair(
  words: readonly { readonly parts: readonly string[]; readonly count: number }[],
): [string, string] | undefined {
  const pairs = new Map<string, number>();
  for (const { parts, count } of words) {
    for (let index = 0; index + 1 < parts.length; index += 1) {
      const pair = `${parts[index]} ${parts[index + 1]}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + count);
    }
  }
  let best: string | undefined;
  for (const [pair, count] of pairs) if (count > (best === undefined ? 1 : (pairs.get(best) as number))) best = pair;
  return best?.split(' ') as [string, string] | undefined;
}

function merge(parts: string[], left: string, right: string): void {
  for (let index = 0; index + 1 < parts.length; index += 1) {
    if (parts[index] === left && parts[index + 1] === right) parts.splice(index, 2, left + right);
  }
}
