import {
  arrayValue,
  isArray,
  isInteger,
  isMapping,
  isString,
  stringValue,
  toRuntimeValue,
  UNDEFINED_VALUE,
  type RuntimeValue,
} from './jinja-engine.ts';
import { braceFormat, pythonEquals, pythonText } from './python-text.ts';

/** What a call was given: `positional` without the keyword ones. */
export interface CallParameters {
  readonly positional: readonly RuntimeValue[];
  readonly named: ReadonlyMap<string, RuntimeValue>;
}

type Method<Owner> = (owner: Owner, parameters: CallParameters) => RuntimeValue;

/** Splits what the interpreter hands to a function. */
export function callParameters(values: readonly RuntimeValue[]): CallParameters {
  const last = values.at(-1);
  if (last?.type === 'KeywordArgumentsValue' && isMapping(last)) return { positional: values.slice(0, -1), named: last.value };
  return { positional: values, named: new Map() };
}

/**
 * Methods of Python's `str`, `list` and `dict` that chat templates call and the Jinja library lacks or does otherwise (it ignores the
 * characters given to `strip`). Undefined: the library's own method is right.
 */
export function pythonMethod(owner: RuntimeValue, name: string): ((parameters: CallParameters) => RuntimeValue) | undefined {
  if (isString(owner)) {
    const method = TEXT_METHODS.get(name);
    return method && ((parameters) => method(owner.value, parameters));
  }
  if (isArray(owner)) {
    const method = LIST_METHODS.get(name);
    return method && ((parameters) => method(owner.value, parameters));
  }
  return undefined;
}

const TEXT_METHODS = new Map<string, Method<string>>([
  ['strip', (text, { positional }) => stringValue(strip(text, positional[0], true, true))],
  ['lstrip', (text, { positional }) => stringValue(strip(text, positional[0], true, false))],
  ['rstrip', (text, { positional }) => stringValue(strip(text, positional[0], false, true))],
  ['capitalize', (text) => stringValue(text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase())],
  ['count', (text, { positional }) => toRuntimeValue(text.split(textParameter(positional[0])).length - 1)],
  ['find', (text, { positional }) => toRuntimeValue(text.indexOf(textParameter(positional[0])))],
  ['rfind', (text, { positional }) => toRuntimeValue(text.lastIndexOf(textParameter(positional[0])))],
  ['index', (text, { positional }) => toRuntimeValue(found(text.indexOf(textParameter(positional[0]))))],
  ['format', (text, { positional, named }) => stringValue(braceFormat(text, positional, named))],
  ['isdigit', (text) => toRuntimeValue(/^\d+$/u.test(text))],
  ['isalpha', (text) => toRuntimeValue(/^\p{L}+$/u.test(text))],
  ['isalnum', (text) => toRuntimeValue(/^[\p{L}\p{N}]+$/u.test(text))],
  ['isspace', (text) => toRuntimeValue(/^\s+$/u.test(text))],
  ['isupper', (text) => toRuntimeValue(text !== text.toLowerCase() && text === text.toUpperCase())],
  ['islower', (text) => toRuntimeValue(text !== text.toUpperCase() && text === text.toLowerCase())],
  ['removeprefix', (text, { positional }) => stringValue(withoutPrefix(text, textParameter(positional[0])))],
  ['removesuffix', (text, { positional }) => stringValue(withoutSuffix(text, textParameter(positional[0])))],
  ['splitlines', (text) => textList(text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))],
  ['rsplit', (text, { positional }) => textList(splitFromEnd(text, textParameter(positional[0]), positional[1]))],
  [
    'partition',
    (text, { positional }) => textList(partition(text, textParameter(positional[0]), text.indexOf(textParameter(positional[0])))),
  ],
  [
    'rpartition',
    (text, { positional }) =>
      textList(partition(text, textParameter(positional[0]), text.lastIndexOf(textParameter(positional[0])), true)),
  ],
  [
    'join',
    (text, { positional }) => {
      const [items] = positional;
      if (items === undefined || !isArray(items)) throw new Error('join() wants a list');
      return stringValue(items.value.map(pythonText).join(text));
    },
  ],
]);

const LIST_METHODS = new Map<string, Method<RuntimeValue[]>>([
  [
    'append',
    (list, { positional }) => {
      if (positional[0] !== undefined) list.push(positional[0]);
      return UNDEFINED_VALUE;
    },
  ],
  [
    'pop',
    (list, { positional }) => {
      const [at] = positional;
      const index = at !== undefined && isInteger(at) ? at.value : -1;
      const [item] = list.splice(index, 1);
      if (item === undefined) throw new Error('pop from an empty list');
      return item;
    },
  ],
  [
    'count',
    (list, { positional }) =>
      toRuntimeValue(list.filter((item) => positional[0] !== undefined && pythonEquals(item, positional[0])).length),
  ],
  [
    'index',
    (list, { positional }) =>
      toRuntimeValue(found(list.findIndex((item) => positional[0] !== undefined && pythonEquals(item, positional[0])))),
  ],
]);

function textParameter(value: RuntimeValue | undefined): string {
  if (value === undefined || !isString(value)) throw new Error('a text was expected as an argument');
  return value.value;
}

function found(index: number): number {
  if (index < 0) throw new Error('substring or item not found');
  return index;
}

function textList(texts: readonly string[]): RuntimeValue {
  return arrayValue(texts.map(stringValue));
}

function strip(text: string, characters: RuntimeValue | undefined, atStart: boolean, atEnd: boolean): string {
  if (characters === undefined || !isString(characters)) {
    return atStart && atEnd ? text.trim() : atStart ? text.trimStart() : text.trimEnd();
  }
  const removed = new Set(characters.value);
  const letters = Array.from(text);
  let from = 0;
  let to = letters.length;
  while (atStart && from < to && removed.has(letters[from] as string)) from += 1;
  while (atEnd && to > from && removed.has(letters[to - 1] as string)) to -= 1;
  return letters.slice(from, to).join('');
}

const withoutPrefix = (text: string, prefix: string): string => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
const withoutSuffix = (text: string, suffix: string): string =>
  suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;

function splitFromEnd(text: string, separator: string, limit: RuntimeValue | undefined): string[] {
  const parts = text.split(separator);
  if (limit === undefined || !isInteger(limit) || limit.value < 0 || parts.length <= limit.value + 1) return parts;
  const cut = parts.length - limit.value;
  return [parts.slice(0, cut).join(separator), ...parts.slice(cut)];
}

function partition(text: string, separator: string, at: number, fromEnd = false): string[] {
  if (at < 0) return fromEnd ? ['', '', text] : [text, '', ''];
  return [text.slice(0, at), separator, text.slice(at + separator.length)];
}
