import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidRequestError } from '../src/errors.ts';
import { checkJsonShape } from '../src/http/json-shape.ts';

const check = (text: string, maxJsonDepth: number, maxJsonValues = 1e9): void =>
  checkJsonShape(Buffer.from(text), { maxJsonDepth, maxJsonValues });

const depthOf = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map((item) => depthOf(item)));
};

describe('the shape of JSON before it is parsed', () => {
  it('allows exactly the depth there is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const depth = depthOf(value);
        expect(() => check(text, depth)).not.toThrow();
        if (depth > 0) expect(() => check(text, depth - 1)).toThrow(InvalidRequestError);
      }),
    );
  });

  it('counts no brackets and commas inside strings, whatever is escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('[', '{', ',', '"', '\\', 'a') }), (text) => {
        expect(() => check(JSON.stringify([text, text]), 1, 3)).not.toThrow();
      }),
    );
  });

  it('refuses more values than allowed', () => {
    check('[0,0,0]', 1, 4);
    expect(() => check('[0,0,0,0]', 1, 4)).toThrow(InvalidRequestError);
    expect(() => check('{"a":0,"b":0}', 1, 4)).toThrow(InvalidRequestError);
  });

  it('ends on broken text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('[', '{', ']', '}', '"', '\\', ',') }), (text) => {
        expect(() => check(text, 1e9)).not.toThrow();
      }),
    );
  });
});
