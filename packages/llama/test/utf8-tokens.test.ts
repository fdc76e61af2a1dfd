import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UTF8_CLEAN, Utf8Tokens, utf8After } from '../src/sampling/utf8-tokens.ts';

const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};
const interesting = fc.constantFrom(
  0x00,
  0x41,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc0,
  0xc2,
  0xdf,
  0xe0,
  0xe1,
  0xed,
  0xef,
  0xf0,
  0xf1,
  0xf4,
  0xf5,
  0xff,
);
const anyBytes = fc.array(fc.oneof(interesting, fc.nat(255)), { maxLength: 8 }).map((bytes) => Uint8Array.from(bytes));

describe('utf8After', () => {
  it('is clean exactly after UTF-8, whichever pieces it comes in', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(8), (bytes, cut) => {
        const state = utf8After(utf8After(UTF8_CLEAN, bytes.subarray(0, cut)), bytes.subarray(cut));
        expect(state === UTF8_CLEAN).toBe(isUtf8(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('is between characters or in the middle of one wherever UTF-8 is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 4 }), fc.nat(16), (text, cut) => {
        const bytes = new TextEncoder().encode(text);
        const head = utf8After(UTF8_CLEAN, bytes.subarray(0, cut));
        expect(utf8After(head, bytes.subarray(cut))).toBe(UTF8_CLEAN);
      }),
    );
  });
});

describe('Utf8Tokens', () => {
  const pieces = [[0x61], [0xc3], [0xa9], [0xe2, 0x82], [0xac, 0x62], [0xf5], [0xc0, 0xaf], [0xe2, 0x82, 0xac], [0x80]].map(
    (bytes) => Uint8Array.from(bytes),
  );
  const tokens = new Utf8Tokens(pieces.length, (token) => pieces[token] as Uint8Array);
  const left = (state: number): number[] => {
    const logits = new Float32Array(pieces.length);
    tokens.mask(state, logits);
    return [...logits.keys()].filter((token) => logits[token] === 0);
  };

  it('masks what breaks the text, as it tells of each token alone', () => {
    expect(left(UTF8_CLEAN)).toEqual([0, 1, 3, 7]);
    const inside = tokens.after(UTF8_CLEAN, 3);
    expect(left(inside)).toEqual([2, 4, 8]);
    for (const state of [UTF8_CLEAN, inside, tokens.after(UTF8_CLEAN, 1)]) {
      expect([...pieces.keys()].filter((token) => tokens.allows(state, token))).toEqual(left(state));
    }
  });
});
