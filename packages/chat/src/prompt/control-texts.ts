import type { Tokenizer } from '@pippa/core';
import { addText, emptyTrie, type TrieNode } from '../text/trie.ts';
import { pieceText } from './marker-tokens.ts';

/** The texts of a vocabulary's control tokens, such as `<|im_start|>`, for finding them in other text. */
export class ControlTexts {
  readonly #root: TrieNode = emptyTrie();
  readonly #reversed: TrieNode = emptyTrie();

  constructor(texts: Iterable<string>) {
    for (const text of texts) {
      // A control token of one letter would make ordinary text suspicious everywhere.
      if (text.length < 2 || text.includes('\uFFFD')) continue;
      addText(this.#root, text);
      addText(this.#reversed, Array.from(text).toReversed().join(''));
    }
  }

  static of(tokenizer: Tokenizer): ControlTexts {
    const texts: string[] = [];
    for (let token = 0; token < tokenizer.vocabularySize; token += 1) {
      if (tokenizer.isControl(token)) texts.push(pieceText(tokenizer, token));
    }
    return new ControlTexts(texts);
  }

  /** Ranges `[from, to)` of every control text in `text`, overlapping ones too, by their starts. */
  occurrences(text: string): { readonly from: number; readonly to: number }[] {
    const ranges: { from: number; to: number }[] = [];
    for (const first of this.#root.next.keys()) {
      for (let at = text.indexOf(first); at >= 0; at = text.indexOf(first, at + 1)) {
        for (const to of endsFrom(this.#root, text, at)) ranges.push({ from: at, to });
      }
    }
    return ranges.toSorted((left, right) => left.from - right.from);
  }

  /** Whether the end of `text` is the beginning of a control text that the next text could complete. */
  beginsAtEnd(text: string): boolean {
    for (let from = text.length - 1; from >= 0; from -= 1) {
      const walk = walkTo(this.#root, text.slice(from));
      if (walk === 'inside') return true;
      if (text.length - from > 64) return false;
    }
    return false;
  }

  /** Whether the start of `text` is the end of a control text that the text before could have begun. */
  endsAtStart(text: string): boolean {
    const head = Array.from(text.slice(0, 64));
    for (let length = 1; length <= head.length; length += 1) {
      if (walkTo(this.#reversed, head.slice(0, length).toReversed().join('')) === 'inside') return true;
    }
    return false;
  }
}

function* endsFrom(root: TrieNode, text: string, from: number): Generator<number> {
  let node: TrieNode | undefined = root;
  let at = from;
  while (at < text.length) {
    const letter = String.fromCodePoint(text.codePointAt(at) as number);
    node = node.next.get(letter);
    if (node === undefined) return;
    at += letter.length;
    if (node.end) yield at;
  }
}

function walkTo(root: TrieNode, text: string): 'outside' | 'inside' | 'end' {
  let node: TrieNode | undefined = root;
  for (const letter of text) {
    node = node.next.get(letter);
    if (node === undefined) return 'outside';
  }
  return node.next.size > 0 ? 'inside' : 'end';
}
