import { InvalidInputError } from '@pippa/core';
import { UnsupportedSchemaError } from '../errors.ts';
import { MAX_COUNT, MAX_ENUM_VALUES } from './limits.ts';
import type { Bound } from './numbers.ts';
import {
  countKeyword,
  numberKeyword,
  placedEntries,
  placedList,
  textKeyword,
  textListKeyword,
  wrongKind,
  type Path,
  type Placed,
  type SchemaObject,
} from './schema-source.ts';

export const JSON_TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;
export type JsonType = (typeof JSON_TYPES)[number];

/** One schema's say about the members of objects. */
export interface ObjectSay {
  readonly properties: ReadonlyMap<string, Placed>;
  readonly patterns: readonly (readonly [pattern: string, placed: Placed])[];
  /** Undefined: not said. */
  readonly additional: Placed | undefined;
  readonly names: Placed | undefined;
}

/** One schema's say about the items of lists. */
export interface ArraySay {
  readonly prefix: readonly Placed[];
  readonly rest: Placed | undefined;
}

/** Everything that holds for a value: what several schemas say, put together. Choices (`anyOf` ...) are resolved before. */
export interface Constraints {
  readonly path: Path;
  /** Undefined: no schema names types. */
  readonly types: ReadonlySet<JsonType> | undefined;
  /** Types that the keywords used are about. */
  readonly implied: ReadonlySet<JsonType>;
  readonly values: readonly unknown[] | undefined;
  readonly minimum: Bound | undefined;
  readonly maximum: Bound | undefined;
  readonly multipleOf: readonly number[];
  readonly minLength: number;
  readonly maxLength: number | undefined;
  readonly pattern: { readonly text: string; readonly path: Path } | undefined;
  readonly format: { readonly text: string; readonly path: Path } | undefined;
  readonly minItems: number;
  readonly maxItems: number | undefined;
  readonly unique: Path | undefined;
  readonly arrays: readonly ArraySay[];
  readonly required: ReadonlySet<string>;
  readonly minProperties: number;
  readonly maxProperties: number | undefined;
  readonly objects: readonly ObjectSay[];
}

export interface OpenedSchema {
  readonly schema: SchemaObject;
  readonly path: Path;
}

const KEYWORD_TYPES: readonly (readonly [keywords: readonly string[], type: JsonType])[] = [
  [
    ['properties', 'required', 'additionalProperties', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties'],
    'object',
  ],
  [['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'], 'array'],
  [['minLength', 'maxLength', 'pattern', 'format'], 'string'],
  [['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'], 'number'],
];

/** What all `schemas` together say. `path` is the first one's, for errors. Undefined: no value fits them all. */
export function combine(schemas: readonly OpenedSchema[]): Constraints | undefined {
  let types: ReadonlySet<JsonType> | undefined;
  let values: readonly unknown[] | undefined;
  for (const { schema, path } of schemas) {
    types = intersectTypes(types, typesOf(schema, path));
    const given = valuesOf(schema, path);
    if (given !== undefined)
      values = values === undefined ? given : values.filter((value) => given.some((other) => sameJson(value, other)));
  }
  if (types?.size === 0 || values?.length === 0) return undefined;
  const all = <Value>(read: (schema: SchemaObject, path: Path) => Value | undefined): Value[] =>
    schemas.map(({ schema, path }) => read(schema, path)).filter((value) => value !== undefined);
  const counts = (keyword: string) => all((schema, path) => countKeyword(schema, keyword, path));
  const largest = (keyword: string) => Math.max(0, ...counts(keyword));
  const smallest = (keyword: string) => minimumOf(counts(keyword));
  const result: Constraints = {
    path: schemas[0]?.path ?? [],
    types,
    values,
    implied: new Set(
      KEYWORD_TYPES.filter(([keywords]) => schemas.some(({ schema }) => keywords.some((key) => schema[key] !== undefined))).map(
        ([, type]) => type,
      ),
    ),
    minimum: tightest(all(minimumBound), 1),
    maximum: tightest(all(maximumBound), -1),
    multipleOf: all((schema, path) => numberKeyword(schema, 'multipleOf', path)),
    minLength: largest('minLength'),
    maxLength: smallest('maxLength'),
    pattern: onlyOne(all(placedText('pattern'))),
    format: onlyOne(all(placedText('format'))),
    minItems: largest('minItems'),
    maxItems: smallest('maxItems'),
    unique: schemas.find(({ schema }) => schema['uniqueItems'] === true)?.path,
    arrays: all(arraySay),
    required: new Set(schemas.flatMap(({ schema, path }) => textListKeyword(schema, 'required', path))),
    minProperties: largest('minProperties'),
    maxProperties: smallest('maxProperties'),
    objects: schemas.map(({ schema, path }) => objectSay(schema, path)),
  };
  checkCounts(result);
  const empty = [
    [result.minLength, result.maxLength],
    [result.minItems, result.maxItems],
    [result.minProperties, result.maxProperties],
  ] as const;
  // A contradiction about one type leaves the others; only a single type makes it nothing at all.
  const only = types?.size === 1 ? [...types][0] : undefined;
  const contradicted = empty.map(([least, most]) => most !== undefined && least > most);
  if (
    (only === 'string' && contradicted[0] === true) ||
    (only === 'array' && contradicted[1] === true) ||
    (only === 'object' && contradicted[2] === true)
  )
    return undefined;
  return result;
}

/** Equal as JSON values; the order of an object's keys does not matter. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return left === right;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every(
      (key) =>
        Object.hasOwn(right, key) && sameJson((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]),
    )
  );
}

function typesOf(schema: SchemaObject, path: Path): ReadonlySet<JsonType> | undefined {
  const given = schema['type'];
  if (given === undefined) return undefined;
  const names: readonly unknown[] = Array.isArray(given) ? given : [given];
  const types = new Set<JsonType>();
  for (const name of names) {
    const type = JSON_TYPES.find((known) => known === name);
    if (type === undefined) throw wrongKind('type', `one of ${JSON_TYPES.join(', ')}`, path);
    types.add(type);
  }
  // OpenAPI's way of allowing null.
  if (schema['nullable'] === true) types.add('null');
  return types;
}

function intersectTypes(
  left: ReadonlySet<JsonType> | undefined,
  right: ReadonlySet<JsonType> | undefined,
): ReadonlySet<JsonType> | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  const both = new Set<JsonType>();
  for (const type of left) {
    if (right.has(type)) both.add(type);
    else if (type === 'integer' && right.has('number')) both.add(type);
    else if (type === 'number' && right.has('integer')) both.add('integer');
  }
  return both;
}

function valuesOf(schema: SchemaObject, path: Path): readonly unknown[] | undefined {
  const choices = schema['enum'];
  if (choices !== undefined && !Array.isArray(choices)) throw wrongKind('enum', 'a list', path);
  const values = choices as readonly unknown[] | undefined;
  if (values !== undefined && values.length > MAX_ENUM_VALUES) {
    throw new InvalidInputError(`The enum at /${path.join('/')} has more than ${MAX_ENUM_VALUES} values.`, {
      path: path.join('/'),
    });
  }
  if (!('const' in schema)) return values;
  return values === undefined || values.some((value) => sameJson(value, schema['const'])) ? [schema['const']] : [];
}

function minimumBound(schema: SchemaObject, path: Path): Bound | undefined {
  return boundOf(schema, path, 'minimum', 'exclusiveMinimum', 1);
}

function maximumBound(schema: SchemaObject, path: Path): Bound | undefined {
  return boundOf(schema, path, 'maximum', 'exclusiveMaximum', -1);
}

function boundOf(schema: SchemaObject, path: Path, keyword: string, exclusiveKeyword: string, sign: 1 | -1): Bound | undefined {
  const inclusive = numberKeyword(schema, keyword, path);
  const given = schema[exclusiveKeyword];
  // Draft 4 says it with a flag beside the bound.
  if (typeof given === 'boolean') return inclusive === undefined ? undefined : { value: inclusive, exclusive: given };
  const exclusive = numberKeyword(schema, exclusiveKeyword, path);
  const bounds: Bound[] = [];
  if (inclusive !== undefined) bounds.push({ value: inclusive, exclusive: false });
  if (exclusive !== undefined) bounds.push({ value: exclusive, exclusive: true });
  return tightest(bounds, sign);
}

/** `sign` 1: the highest lower end. -1: the lowest upper end. */
function tightest(bounds: readonly Bound[], sign: 1 | -1): Bound | undefined {
  return bounds.reduce<Bound | undefined>((best, bound) => {
    if (best === undefined) return bound;
    if (bound.value === best.value) return bound.exclusive ? bound : best;
    return (bound.value - best.value) * sign > 0 ? bound : best;
  }, undefined);
}

function minimumOf(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

function placedText(
  keyword: string,
): (schema: SchemaObject, path: Path) => { readonly text: string; readonly path: Path } | undefined {
  return (schema, path) => {
    const text = textKeyword(schema, keyword, path);
    return text === undefined ? undefined : { text, path: [...path, keyword] };
  };
}

function onlyOne(
  texts: readonly { readonly text: string; readonly path: Path }[],
): { readonly text: string; readonly path: Path } | undefined {
  const [first] = texts;
  const other = texts.find(({ text }) => text !== first?.text);
  if (other !== undefined)
    throw new UnsupportedSchemaError('Two patterns or formats for one text cannot be constrained together', other.path);
  return first;
}

function arraySay(schema: SchemaObject, path: Path): ArraySay | undefined {
  const oldTuple = Array.isArray(schema['items']);
  const prefix = placedList(schema, oldTuple ? 'items' : 'prefixItems', path);
  const restKeyword = [oldTuple ? 'additionalItems' : 'items', 'unevaluatedItems'].find((keyword) => schema[keyword] !== undefined);
  if (prefix.length === 0 && restKeyword === undefined) return undefined;
  return { prefix, rest: restKeyword === undefined ? undefined : { schema: schema[restKeyword], path: [...path, restKeyword] } };
}

function objectSay(schema: SchemaObject, path: Path): ObjectSay {
  const child = (keyword: string): Placed | undefined =>
    schema[keyword] === undefined ? undefined : { schema: schema[keyword], path: [...path, keyword] };
  return {
    properties: new Map(placedEntries(schema, 'properties', path)),
    patterns: placedEntries(schema, 'patternProperties', path),
    additional: child('additionalProperties'),
    names: child('propertyNames'),
  };
}

function checkCounts(constraints: Constraints): void {
  const counts = {
    minLength: constraints.minLength,
    maxLength: constraints.maxLength,
    minItems: constraints.minItems,
    maxItems: constraints.maxItems,
  };
  for (const [keyword, count] of Object.entries(counts)) {
    if (count === undefined || count <= MAX_COUNT) continue;
    throw new UnsupportedSchemaError(`"${keyword}" is more than ${MAX_COUNT}, which cannot be constrained`, [
      ...constraints.path,
      keyword,
    ]);
  }
}
