import type { TextLogprob, TokenId, TokenLogprob, Tokenizer } from '@pippa/core';

interface Entry {
  /** Characters `[from, to)` of the raw text; equal when the token only holds part of a character. */
  readonly from: number;
  readonly to: number;
  readonly logprob: TextLogprob;
  visible: boolean;
}

/** Range of raw text, in characters. */
export interface TextRange {
  readonly from: number;
  readonly to: number;
}

/** Keeps log probabilities until the text of their tokens goes out; those of tokens that never show are dropped. */
export class LogprobQueue {
  #entries: Entry[] = [];

  add(from: number, to: number, logprob: TextLogprob): void {
    this.#entries.push({ from, to, logprob, visible: false });
  }

  /** Those of the tokens whose text ends in the ranges that go out now; `all`: nothing more goes out, begun ones come too. */
  take(ranges: readonly TextRange[], all = false): TextLogprob[] {
    const last = ranges.at(-1)?.to ?? 0;
    for (const entry of this.#entries) {
      if (entry.from >= last) break;
      const end = Math.max(entry.to, entry.from + 1);
      if (ranges.some(({ from, to }) => entry.from < to && end > from)) entry.visible = true;
    }
    const taken: TextLogprob[] = [];
    this.#entries = this.#entries.filter((entry) => {
      const settled = all || entry.to < last || (entry.to === last && entry.from < last);
      if (settled && entry.visible) taken.push(entry.logprob);
      return !settled;
    });
    return taken;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A token's log probability as clients see it. */
export function textLogprob(tokenizer: Tokenizer, { token, logprob, top }: TokenLogprob): TextLogprob {
  return {
    ...tokenText(tokenizer, token),
    logprob,
    top: top.map((other) => ({ ...tokenText(tokenizer, other.token), logprob: other.logprob })),
  };
}

function tokenText(tokenizer: Tokenizer, token: TokenId): { readonly text: string; readonly bytes: readonly number[] } {
  const bytes = tokenizer.piece(token, true);
  return { text: decoder.decode(bytes), bytes: [...bytes] };
}
