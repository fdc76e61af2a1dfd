import { InvalidRequestError } from '../errors.ts';
import { MAX_TEXT_CHARS } from './schemas/bounds.ts';

const MAX_TOKEN_ID = 2 ** 31 - 1;

/** Reads the field `name` in its four forms (the number of values in a body bounds the token ids): a text, texts, the token ids of one prompt, or those of several. */
export function readPrompts(prompt: unknown, maxPrompts: number, name = 'prompt'): (string | readonly number[])[] {
  if (prompt === undefined || prompt === null) {
    throw new InvalidRequestError(`Missing required parameter: '${name}'.`, {
      param: name,
      reason: 'missing_required_parameter',
    });
  }
  if (typeof prompt === 'string') return [readText(prompt, name)];
  if (!Array.isArray(prompt)) throw wrongType(name, 'a string or an array');
  const items: readonly unknown[] = prompt;
  if (items.length === 0)
    throw new InvalidRequestError(`Invalid '${name}': the array is empty.`, { param: name, reason: 'empty_array' });
  if (typeof items[0] === 'number') return [readTokens(items, name)];
  if (items.length > maxPrompts) {
    throw new InvalidRequestError(`Invalid '${name}': expected at most ${maxPrompts} texts, but got ${items.length}.`, {
      param: name,
      reason: 'array_above_max_length',
    });
  }
  return items.map((item, index) => {
    const param = `${name}[${index}]`;
    if (typeof item === 'string') return readText(item, param);
    if (Array.isArray(item)) return readTokens(item, param);
    throw wrongType(param, 'a string or an array of token ids');
  });
}

function readText(text: string, param: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  throw new InvalidRequestError(`Invalid '${param}': expected at most ${MAX_TEXT_CHARS} characters, but got ${text.length}.`, {
    param,
    reason: 'string_above_max_length',
  });
}

function readTokens(tokens: readonly unknown[], param: string): readonly number[] {
  if (tokens.length === 0)
    throw new InvalidRequestError(`Invalid '${param}': the array is empty.`, { param, reason: 'empty_array' });
  const wrong = tokens.findIndex((token) => !isTokenId(token));
  if (wrong !== -1) throw wrongType(`${param}[${wrong}]`, 'a token id (a whole number from 0)');
  return tokens as readonly number[];
}

const isTokenId = (token: unknown): boolean =>
  Number.isInteger(token) && (token as number) >= 0 && (token as number) <= MAX_TOKEN_ID;

const wrongType = (param: string, expected: string): InvalidRequestError =>
  new InvalidRequestError(`Invalid type for '${param}': expected ${expected}.`, { param, reason: 'invalid_type' });
