import { afterSpace, type Parsing } from '../answer/parsing.ts';
import { JsonValueScanner } from '../answer/json-scanner.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { MAX_BUFFERED_CALL_CHARACTERS } from '../limits.ts';

export interface JsonCallKeys {
  readonly name: readonly string[];
  readonly arguments: readonly string[];
}

/** The names that models use, whatever they were taught. */
export const USUAL_CALL_KEYS: JsonCallKeys = {
  name: ['name', 'tool_name', 'function_name'],
  arguments: ['arguments', 'parameters', 'args', 'input'],
};

export interface JsonCallRules {
  /** Whether this may be the name of a call. */
  accept(name: string): boolean;
  /** An object with other keys than those of a call is none: what is not marked as a call must look like one from the start. */
  readonly strict: boolean;
}

const OTHER_CALL_KEYS = ['type', 'function', 'id', 'tool_call_id'];

/**
 * One call written as a JSON object, the cursor before its `{`. Arguments go out as they come once the name is known. False: this is
 * no call (no name, a name that `rules` refuse, or no JSON), and nothing went out.
 */
export function* jsonCall(cursor: TextCursor, keys: JsonCallKeys, rules: JsonCallRules): Parsing<boolean> {
  cursor.take(1);
  let name: string | undefined;
  let waiting: string | undefined;
  let written = false;
  while (true) {
    const next = yield* afterSpace(cursor, ',');
    if (next !== '"') {
      if (next === '}') cursor.take(1);
      if (name === undefined) return false;
      if (!written) yield { kind: 'arguments', delta: waiting ?? '{}' };
      return true;
    }
    const key = parsedText(yield* jsonValue(cursor));
    if (key === undefined || (yield* afterSpace(cursor)) !== ':') return name !== undefined;
    cursor.take(1);
    if (rules.strict && name === undefined && ![...keys.name, ...keys.arguments, ...OTHER_CALL_KEYS].includes(key)) return false;
    if (keys.arguments.includes(key) && name !== undefined && !written) {
      written = true;
      yield* streamArguments(cursor);
      continue;
    }
    const value = yield* jsonValue(cursor);
    if (value === undefined) return name !== undefined;
    if (keys.arguments.includes(key)) waiting = argumentsText(value);
    const nested = key === 'function' ? nestedCall(value, keys) : undefined;
    const given = keys.name.includes(key)
      ? parsedText(value)
      : (nested?.name ?? (key === 'function' ? parsedText(value) : undefined));
    if (given === undefined || name !== undefined) continue;
    if (!rules.accept(given)) return false;
    name = given;
    yield { kind: 'call', name };
    cursor.recorded();
    const ready = waiting ?? nested?.arguments;
    if (ready === undefined) continue;
    written = true;
    yield { kind: 'arguments', delta: ready };
  }
}

/** A whole JSON value's text; undefined when the text ends in it or it is longer than what is buffered. */
export function* jsonValue(cursor: TextCursor): Parsing<string | undefined> {
  yield* afterSpace(cursor);
  const scanner = new JsonValueScanner();
  let text = '';
  while (true) {
    const { length, done } = scanner.scan(cursor.pending);
    text += cursor.take(length);
    if (done) return text;
    if (cursor.ended || text.length > MAX_BUFFERED_CALL_CHARACTERS) return undefined;
    yield undefined;
  }
}

/** Arguments as they come. Some models write them as a JSON text inside a string: that one is read first and sent as a whole. */
export function* streamArguments(cursor: TextCursor): Parsing {
  const first = yield* afterSpace(cursor);
  if (first !== '{' && first !== '[') {
    const value = yield* jsonValue(cursor);
    yield { kind: 'arguments', delta: value === undefined ? '' : argumentsText(value) };
    return;
  }
  const scanner = new JsonValueScanner();
  while (true) {
    const { length, done } = scanner.scan(cursor.pending);
    if (length > 0) yield { kind: 'arguments', delta: cursor.take(length) };
    if (done || cursor.ended) return;
    yield undefined;
  }
}

function argumentsText(value: string): string {
  if (value === 'null') return '{}';
  return value.startsWith('"') ? (parsedText(value) ?? value) : value;
}

function nestedCall(value: string, keys: JsonCallKeys): { readonly name: string; readonly arguments?: string } | undefined {
  const parsed = parsedJson(value);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const entries = parsed as Record<string, unknown>;
  const name = keys.name.map((key) => entries[key]).find((candidate) => typeof candidate === 'string');
  if (typeof name !== 'string') return undefined;
  const given = keys.arguments.map((key) => entries[key]).find((candidate) => candidate !== undefined);
  if (given === undefined) return { name };
  return { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) };
}

function parsedText(value: string | undefined): string | undefined {
  const parsed = parsedJson(value);
  return typeof parsed === 'string' ? parsed : undefined;
}

function parsedJson(value: string | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
