import type { TokenId, Tokenizer } from '@pippa/core';
import { singleToken } from './marker-tokens.ts';

/** How a model was taught to fill in the middle of a text. */
export interface FillInMiddle {
  /** Tokens after which the model writes what belongs between `before` and `after`. Control texts in them are plain text. */
  prompt(tokenizer: Tokenizer, before: string, after: string): Promise<Int32Array>;
}

type Slot = 'before' | 'after';
/** A control token's text, or a place for one of the two texts. */
type Part = { readonly marker: string } | { readonly slot: Slot };

const markers = (prefix: string, suffix: string, middle: string): readonly Part[] => [
  { marker: prefix },
  { slot: 'before' },
  { marker: suffix },
  { slot: 'after' },
  { marker: middle },
];

/** The layouts in use; the first whose markers are all tokens of the vocabulary is the model's. */
const LAYOUTS: readonly (readonly Part[])[] = [
  // Qwen 2.5 Coder and 3 Coder, Granite 4, Seed Coder
  markers('<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'),
  // StarCoder, Granite Code, CodeGemma spells them with bars
  markers('<fim_prefix>', '<fim_suffix>', '<fim_middle>'),
  markers('<fim-prefix>', '<fim-suffix>', '<fim-middle>'),
  // DeepSeek Coder: the hole is where the middle goes
  markers('<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'),
  // GLM 4
  markers('<|code_prefix|>', '<|code_suffix|>', '<|code_middle|>'),
  // Code Llama
  markers('▁<PRE>', '▁<SUF>', '▁<MID>'),
  markers('<PRE>', '<SUF>', '<MID>'),
  // Codestral: what follows comes first
  [{ marker: '[SUFFIX]' }, { slot: 'after' }, { marker: '[PREFIX]' }, { slot: 'before' }],
];

/** Undefined: the vocabulary has no tokens for it. */
export async function findFillInMiddle(tokenizer: Tokenizer): Promise<FillInMiddle | undefined> {
  for (const layout of LAYOUTS) {
    const tokens = new Map<string, TokenId>();
    const texts = layout.flatMap((part) => ('marker' in part ? [part.marker] : []));
    for (const text of texts) {
      const token = await singleToken(tokenizer, text);
      if (token === undefined) break;
      tokens.set(text, token);
    }
    if (tokens.size === texts.length)
      return { prompt: (given, before, after) => assemble(given, layout, tokens, { before, after }) };
  }
  return undefined;
}

async function assemble(
  tokenizer: Tokenizer,
  layout: readonly Part[],
  markerTokens: ReadonlyMap<string, TokenId>,
  texts: Readonly<Record<Slot, string>>,
): Promise<Int32Array> {
  const tokens: number[] = [];
  const begin = tokenizer.beginOfSequence;
  if (tokenizer.addBeginOfSequence && begin !== undefined) tokens.push(begin);
  for (const part of layout) {
    if ('marker' in part) {
      const token = markerTokens.get(part.marker);
      if (token !== undefined) tokens.push(token);
    } else if (texts[part.slot] !== '') {
      for (const token of await tokenizer.tokenize(texts[part.slot], { addSpecial: false, parseSpecial: false }))
        tokens.push(token);
    }
  }
  return Int32Array.from(tokens);
}
