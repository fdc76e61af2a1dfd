import type { TokenId } from '@pippa/core';

/** Where in a UTF-8 character a text stands: what its next byte may be (RFC 3629, table 3-7 of Unicode). */
export type Utf8State = number;
/** Between characters. */
export const UTF8_CLEAN: Utf8State = 0;
/** No text goes on from here. */
const BROKEN: Utf8State = 255;

/** For each state: the range of the next byte, and the state after it. */
const CONTINUATIONS: readonly (readonly [from: number, to: number, next: Utf8State])[] = [
  [0, 0, BROKEN],
  [0x80, 0xbf, UTF8_CLEAN],
  [0x80, 0xbf, 1],
  [0x80, 0xbf, 2],
  // After E0, ED, F0 and F4, where not all would be the shortest form of a character that there is.
  [0xa0, 0xbf, 1],
  [0x80, 0x9f, 1],
  [0x90, 0xbf, 2],
  [0x80, 0x8f, 2],
];

/** The state after `bytes`. */
export function utf8After(state: Utf8State, bytes: Uint8Array): Utf8State {
  let at = state;
  for (const byte of bytes) {
    if (at === BROKEN) return BROKEN;
    if (at === UTF8_CLEAN) at = afterLead(byte);
    else {
      const [from, to, next] = CONTINUATIONS[at] as readonly [number, number, Utf8State];
      at = byte >= from && byte <= to ? next : BROKEN;
    }
  }
  return at;
}

function afterLead(byte: number): Utf8State {
  if (byte < 0x80) return UTF8_CLEAN;
  if (byte < 0xc2 || byte > 0xf4) return BROKEN;
  if (byte < 0xe0) return 1;
  if (byte === 0xe0) return 4;
  if (byte === 0xed) return 5;
  if (byte < 0xf0) return 2;
  if (byte === 0xf0) return 6;
  return byte === 0xf4 ? 7 : 3;
}

/**
 * Which tokens of a vocabulary keep a text UTF-8. llama.cpp's grammars count bytes that are none as characters; a reader sees other
 * characters in their place, and what the grammar promised does not hold.
 */
export class Utf8Tokens {
  readonly #piece: (token: TokenId) => Uint8Array;
  readonly #size: number;
  #table: { readonly broken: Int32Array; readonly continuing: ReadonlyMap<TokenId, Uint8Array> } | undefined;

  /** `piece`: the bytes of a token, valid until the next call. */
  constructor(size: number, piece: (token: TokenId) => Uint8Array) {
    this.#size = size;
    this.#piece = piece;
  }

  after(state: Utf8State, token: TokenId): Utf8State {
    return utf8After(state, this.#piece(token));
  }

  allows(state: Utf8State, token: TokenId): boolean {
    return this.after(state, token) !== BROKEN;
  }

  /** Sets the logits of all tokens that break the text to -Infinity. */
  mask(state: Utf8State, logits: Float32Array): void {
    const { broken, continuing } = (this.#table ??= this.#read());
    if (state === UTF8_CLEAN) {
      for (const token of broken) logits[token] = -Infinity;
      return;
    }
    for (let token = 0; token < logits.length; token += 1) {
      if (logits[token] === -Infinity) continue;
      const bytes = continuing.get(token);
      if (bytes === undefined || utf8After(state, bytes) === BROKEN) logits[token] = -Infinity;
    }
  }

  /** Looks at the whole vocabulary, once. */
  #read(): { readonly broken: Int32Array; readonly continuing: ReadonlyMap<TokenId, Uint8Array> } {
    const broken: TokenId[] = [];
    const continuing = new Map<TokenId, Uint8Array>();
    for (let token = 0; token < this.#size; token += 1) {
      const bytes = this.#piece(token);
      if (utf8After(UTF8_CLEAN, bytes) !== BROKEN) continue;
      broken.push(token);
      const [first = 0] = bytes;
      if (first >= 0x80 && first <= 0xbf) continuing.set(token, bytes.slice());
    }
    return { broken: Int32Array.from(broken), continuing };
  }
}
