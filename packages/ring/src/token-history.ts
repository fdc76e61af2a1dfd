import type { TokenId } from '@pippa/core';

/** A sequence's token ids, growing without a copy a token. */
export class TokenHistory {
  #tokens: Int32Array;
  #length: number;

  constructor(prompt: Int32Array) {
    this.#tokens = new Int32Array(prompt.length + 256);
    this.#tokens.set(prompt);
    this.#length = prompt.length;
  }

  get length(): number {
    return this.#length;
  }

  push(token: TokenId): void {
    if (this.#length === this.#tokens.length) {
      const larger = new Int32Array(this.#tokens.length * 2);
      larger.set(this.#tokens);
      this.#tokens = larger;
    }
    this.#tokens[this.#length] = token;
    this.#length += 1;
  }

  /** Tokens `[from, to)`: a view, valid until the next `push`. */
  view(from: number, to: number): Int32Array {
    return this.#tokens.subarray(from, Math.min(to, this.#length));
  }

  /** How many leading tokens `other` (its first `limit`) shares with this. */
  commonPrefix(other: TokenHistory, limit: number): number {
    const most = Math.min(this.#length, other.#length, limit);
    let shared = 0;
    while (shared < most && this.#tokens[shared] === other.#tokens[shared]) shared += 1;
    return shared;
  }
}
