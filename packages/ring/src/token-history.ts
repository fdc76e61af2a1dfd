import type { TokenId } from '@pippa/core';

/** Room for this many generated tokens before the first growth. */
const INITIAL_ROOM = 256;

/** A sequence's token ids: grows without a copy a token. */
export class TokenHistory {
  #tokens: Int32Array;
  #length: number;

  constructor(prompt: Int32Array) {
    this.#tokens = new Int32Array(prompt.length + INITIAL_ROOM);
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

  /** Copies tokens `[from, from + count)` into `target` at `offset`. */
  copyTo(target: Int32Array, offset: number, from: number, count: number): void {
    // A decode step copies one token a sequence: no view is made for it.
    if (count === 1) target[offset] = this.#tokens[from] as number;
    else target.set(this.#tokens.subarray(from, from + count), offset);
  }

  /** The last `count` tokens, oldest first, as a copy. */
  last(count: number): Int32Array {
    return this.#tokens.slice(Math.max(0, this.#length - count), this.#length);
  }

  /** How many leading tokens `other` shares with this one, at most `limit`. */
  commonPrefix(other: TokenHistory, limit: number): number {
    const most = Math.min(this.#length, other.#length, limit);
    const mine = this.#tokens;
    const theirs = other.#tokens;
    let shared = 0;
    while (shared < most && mine[shared] === theirs[shared]) shared += 1;
    return shared;
  }
}
