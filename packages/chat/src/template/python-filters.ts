import {
  arrayValue,
  isArray,
  isInteger,
  isMapping,
  isNumber,
  isString,
  isUndefined,
  stringValue,
  toRuntimeValue,
  UNDEFINED_VALUE,
  type RuntimeValue,
} from './jinja-engine.ts';
import { callParameters, pythonMethod, type CallParameters } from './python-methods.ts';
import { percentFormat, pythonEquals, pythonText } from './python-text.ts';

type Filter = (operand: RuntimeValue, parameters: CallParameters) => RuntimeValue | undefined;

/**
 * Filters that the Jinja library lacks for some kinds of values, as Python's Jinja applies them. Undefined: the library knows.
 */
export function pythonFilter(name: string, operand: RuntimeValue, parameters: CallParameters): RuntimeValue | undefined {
  if (isUndefined(operand)) {
    const result = UNDEFINED_RESULTS.get(name);
    if (result !== undefined) return result();
  }
  return FILTERS.get(name)?.(operand, parameters);
}

/** Jinja's undefined is an empty list and an empty text to most filters. */
const UNDEFINED_RESULTS = new Map<string, () => RuntimeValue>([
  ['length', () => toRuntimeValue(0)],
  ['count', () => toRuntimeValue(0)],
  ['trim', () => stringValue('')],
  ['string', () => stringValue('')],
  ['upper', () => stringValue('')],
  ['lower', () => stringValue('')],
  ['join', () => stringValue('')],
  ['first', () => UNDEFINED_VALUE],
  ['last', () => UNDEFINED_VALUE],
  ...['list', 'items', 'map', 'select', 'reject', 'selectattr', 'rejectattr', 'reverse', 'sort', 'unique'].map(
    (name): [string, () => RuntimeValue] => [name, () => arrayValue([])],
  ),
]);

const FILTERS = new Map<string, Filter>([
  ['string', (operand) => stringValue(pythonText(operand))],
  ['count', (operand) => lengthOf(operand)],
  ['d', (operand, { positional }) => (isUndefined(operand) ? (positional[0] ?? stringValue('')) : operand)],
  ['upper', (operand) => (isString(operand) ? undefined : stringValue(pythonText(operand).toUpperCase()))],
  ['lower', (operand) => (isString(operand) ? undefined : stringValue(pythonText(operand).toLowerCase()))],
  ['capitalize', (operand) => pythonMethod(stringValue(pythonText(operand)), 'capitalize')?.({ positional: [], named: new Map() })],
  ['trim', (operand, parameters) => pythonMethod(stringValue(pythonText(operand)), 'strip')?.(parameters)],
  ['list', (operand) => (isArray(operand) ? undefined : arrayValue(itemsOf(operand)))],
  ['first', (operand) => (isArray(operand) ? (operand.value[0] ?? UNDEFINED_VALUE) : itemsOf(operand)[0])],
  ['last', (operand) => (isArray(operand) ? (operand.value.at(-1) ?? UNDEFINED_VALUE) : itemsOf(operand).at(-1))],
  ['reverse', (operand) => (isString(operand) ? stringValue(Array.from(operand.value).toReversed().join('')) : undefined)],
  ['min', (operand) => extreme(operand, -1)],
  ['max', (operand) => extreme(operand, 1)],
  [
    'sum',
    (operand) => (isArray(operand) ? toRuntimeValue(operand.value.reduce((sum, item) => sum + Number(item.value), 0)) : undefined),
  ],
  ['round', (operand, { positional }) => round(operand, positional[0])],
  ['format', (operand, { positional }) => stringValue(percentFormat(pythonText(operand), positional))],
  ['escape', (operand) => stringValue(escapeHtml(pythonText(operand)))],
  ['e', (operand) => stringValue(escapeHtml(pythonText(operand)))],
  ['indent', checkIndent],
  ['tojson', checkIndent],
  ['map', mapByName],
  [
    'select',
    (operand, { positional }) =>
      isArray(operand) ? arrayValue(operand.value.filter((item) => passes(item, positional))) : undefined,
  ],
  [
    'reject',
    (operand, { positional }) =>
      isArray(operand) ? arrayValue(operand.value.filter((item) => !passes(item, positional))) : undefined,
  ],
  ['selectattr', (operand) => (isMapping(operand) || operand.type === 'NullValue' ? arrayValue([]) : undefined)],
  ['rejectattr', (operand) => (isMapping(operand) || operand.type === 'NullValue' ? arrayValue([]) : undefined)],
]);

/** A wider indent than this is an attack on memory, not a layout. */
const MAX_INDENT = 64;

function lengthOf(operand: RuntimeValue): RuntimeValue | undefined {
  if (isString(operand)) return toRuntimeValue(Array.from(operand.value).length);
  if (isArray(operand)) return toRuntimeValue(operand.value.length);
  return isMapping(operand) ? toRuntimeValue(operand.value.size) : undefined;
}

function itemsOf(operand: RuntimeValue): RuntimeValue[] {
  if (isArray(operand)) return operand.value;
  if (isString(operand)) return Array.from(operand.value, stringValue);
  return isMapping(operand) ? [...operand.value.keys()].map(stringValue) : [];
}

function extreme(operand: RuntimeValue, sign: 1 | -1): RuntimeValue | undefined {
  if (!isArray(operand)) return undefined;
  let best: RuntimeValue | undefined;
  for (const item of operand.value) {
    if (best === undefined || compare(item, best) * sign > 0) best = item;
  }
  return best ?? UNDEFINED_VALUE;
}

function compare(left: RuntimeValue, right: RuntimeValue): number {
  if (isNumber(left) && isNumber(right)) return left.value - right.value;
  const [a, b] = [pythonText(left), pythonText(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function round(operand: RuntimeValue, digits: RuntimeValue | undefined): RuntimeValue | undefined {
  if (!isNumber(operand)) return undefined;
  const factor = 10 ** (digits !== undefined && isInteger(digits) ? digits.value : 0);
  return toRuntimeValue(Math.round(operand.value * factor) / factor);
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&#39;')
    .replaceAll('"', '&#34;');
}

function checkIndent(_operand: RuntimeValue, { positional, named }: CallParameters): RuntimeValue | undefined {
  const width = positional[0] ?? named.get('width') ?? named.get('indent');
  if (width !== undefined && isInteger(width) && Math.abs(width.value) > MAX_INDENT) {
    throw new Error(`indent: at most ${MAX_INDENT} columns`);
  }
  // Only the bound is ours; the layout is the library's.
  return undefined;
}

/** The test that `select` and `reject` name; without one, truth. */
function passes(item: RuntimeValue, [test, parameter]: readonly RuntimeValue[]): boolean {
  if (test === undefined) return item.__bool__().value;
  switch (pythonText(test)) {
    case 'defined':
      return !isUndefined(item);
    case 'none':
      return item.type === 'NullValue';
    case 'string':
      return isString(item);
    case 'mapping':
      return isMapping(item);
    case 'equalto':
    case 'eq':
      return parameter !== undefined && pythonEquals(item, parameter);
    case 'ne':
      return parameter === undefined || !pythonEquals(item, parameter);
    default:
      throw new Error(`Unknown test: ${pythonText(test)}`);
  }
}

/** `map('upper')`: a filter by its name on every item. `map(attribute=...)` is the library's. */
function mapByName(operand: RuntimeValue, { positional }: CallParameters): RuntimeValue | undefined {
  const [name, ...rest] = positional;
  if (name === undefined || !isString(name)) return undefined;
  return arrayValue(
    itemsOf(operand).map((item) => {
      const result =
        pythonFilter(name.value, item, callParameters(rest)) ?? SIMPLE_TEXT_FILTERS.get(name.value)?.(pythonText(item));
      if (result === undefined) throw new Error(`Unknown filter in map: ${name.value}`);
      return result;
    }),
  );
}

const SIMPLE_TEXT_FILTERS = new Map<string, (text: string) => RuntimeValue>([
  ['upper', (text) => stringValue(text.toUpperCase())],
  ['lower', (text) => stringValue(text.toLowerCase())],
  ['length', (text) => toRuntimeValue(Array.from(text).length)],
  ['int', (text) => toRuntimeValue(Number.parseInt(text, 10) || 0)],
  ['float', (text) => toRuntimeValue(Number.parseFloat(text) || 0)],
]);
