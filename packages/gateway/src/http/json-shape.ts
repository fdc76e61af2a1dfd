import { InvalidRequestError } from '../errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Refuses JSON that is nested too deeply or holds too many values, before anything is built from it: `[[[[...` and `[0,0,0,...`
 * take many times their size in memory once parsed. Says nothing about whether the text is JSON at all.
 */
export function checkJsonShape(bytes: Buffer, limits: { readonly maxJsonDepth: number; readonly maxJsonValues: number }): void {
  let depth = 0;
  let values = 1;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = endOfString(bytes, index);
    } else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth++;
      values++;
      if (depth > limits.maxJsonDepth) {
        throw new InvalidRequestError(`The JSON body is nested more than ${limits.maxJsonDepth} levels deep.`, {
          reason: 'json_too_deep',
        });
      }
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      depth--;
    } else if (byte === COMMA || byte === COLON) {
      values++;
    }
    if (values > limits.maxJsonValues) {
      throw new InvalidRequestError(`The JSON body holds more than ${limits.maxJsonValues} values.`, {
        reason: 'json_too_many_values',
      });
    }
  }
}

/** Index of the quote that ends the string which begins at `start`, or past the last byte. */
function endOfString(bytes: Buffer, start: number): number {
  let index = start + 1;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}
