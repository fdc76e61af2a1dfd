import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { jsonObjectGrammar, schemaToGrammar } from '../src/schema/schema-to-grammar.ts';
import { derive, matches, parseGrammar } from './support/gbnf.ts';

const ajv = new Ajv2020({ strict: false, allErrors: false });
addFormats.default(ajv);

/** Numbers in [0, 1), the same every run. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Everything the grammar derives must be JSON that the schema accepts. */
function expectValid(schema: object | boolean, rounds = 60): string[] {
  const grammar = parseGrammar(schemaToGrammar(schema));
  const validate = ajv.compile(schema);
  const random = randomNumbers(7);
  return Array.from({ length: rounds }, () => {
    const text = derive(grammar, random);
    const value: unknown = JSON.parse(text);
    if (validate(value) !== true) throw new Error(`${text} breaks ${JSON.stringify(schema)}: ${ajv.errorsText(validate.errors)}`);
    return text;
  });
}

function accepts(schema: object, value: unknown): boolean {
  return matches(parseGrammar(schemaToGrammar(schema)), JSON.stringify(value));
}

const CASES: Record<string, object> = {
  'every type': {
    type: 'object',
    properties: Object.fromEntries(
      ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'].map((type) => [type, { type }]),
    ),
    required: ['null', 'string'],
  },
  'several types': { type: ['string', 'null', 'integer'] },
  'enum of mixed values': { enum: ['a"b', 1, null, { x: [1] }, 'ü\n'] },
  const: { type: 'object', properties: { kind: { const: 'circle' } }, required: ['kind'] },
  'optional properties only': {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'boolean' }, c: { type: 'null' } },
  },
  'required after optional': {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'boolean' }, c: { type: 'null' } },
    required: ['b'],
  },
  'required but undeclared': { type: 'object', required: ['x'], properties: { y: { type: 'null' } } },
  'additional properties of a type': {
    type: 'object',
    properties: { id: { type: 'integer' }, idea: { type: 'boolean' }, ü: { type: 'null' } },
    required: ['id'],
    additionalProperties: { type: 'string' },
  },
  map: { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 1, maxProperties: 3 },
  'map with named keys': { type: 'object', propertyNames: { enum: ['red', 'green'] }, additionalProperties: { type: 'integer' } },
  'pattern keys': { type: 'object', patternProperties: { '^x-[a-z]+$': { type: 'integer' } }, additionalProperties: false },
  'list bounds': { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 4 },
  tuple: {
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'integer' }, { type: 'boolean' }],
    items: { type: 'null' },
    minItems: 2,
    maxItems: 5,
  },
  'closed tuple': { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
  'empty list': { type: 'array', maxItems: 0 },
  'text lengths': { type: 'string', minLength: 2, maxLength: 5 },
  'integer range': { type: 'integer', minimum: -17, maximum: 1203 },
  'integer above': { type: 'integer', exclusiveMinimum: 99 },
  'integer below': { type: 'integer', exclusiveMaximum: -5 },
  'number range': { type: 'number', minimum: -1.25, maximum: 10.5 },
  'number open range': { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  'narrow number range': { type: 'number', minimum: 2.05, exclusiveMaximum: 2.075 },
  'number above': { type: 'number', minimum: 12.5 },
  'number below': { type: 'number', maximum: -3 },
  'whole numbers by multipleOf': { type: 'number', multipleOf: 1, minimum: 3 },
  'multiples listed': { type: 'integer', multipleOf: 5, minimum: -10, maximum: 100 },
  anyOf: {
    anyOf: [
      { type: 'string', maxLength: 3 },
      { type: 'array', items: { type: 'integer' } },
    ],
  },
  'anyOf beside properties': {
    type: 'object',
    properties: { a: { type: 'integer' } },
    required: ['a'],
    anyOf: [
      { properties: { b: { type: 'string' } }, required: ['b'] },
      { properties: { c: { type: 'null' } }, required: ['c'] },
    ],
  },
  'oneOf with tags': {
    oneOf: [
      { type: 'object', properties: { kind: { const: 'a' }, n: { type: 'integer' } }, required: ['kind', 'n'] },
      { type: 'object', properties: { kind: { const: 'b' } }, required: ['kind'] },
    ],
  },
  'oneOf of types': { oneOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }] },
  'oneOf with different demands': {
    oneOf: [
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
      { type: 'object', properties: { b: { type: 'string' } }, required: ['b'], additionalProperties: false },
    ],
  },
  allOf: {
    allOf: [
      { type: 'object', properties: { a: { type: 'integer', minimum: 3 } }, required: ['a'] },
      { properties: { a: { maximum: 5 }, b: { type: 'string' } }, required: ['b'] },
    ],
  },
  'allOf over a closed object': {
    allOf: [
      { type: 'object', properties: { a: {}, b: { type: 'null' } }, additionalProperties: false },
      { properties: { a: { type: 'integer' }, c: { type: 'string' } } },
    ],
  },
  references: {
    type: 'object',
    properties: { home: { $ref: '#/$defs/address' }, work: { $ref: '#/$defs/address', description: 'x' } },
    required: ['home'],
    $defs: { address: { type: 'object', properties: { street: { type: 'string' } }, required: ['street'] } },
  },
  recursion: {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: { value: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
        required: ['value', 'next'],
      },
    },
  },
  'recursion to the root': {
    type: 'object',
    properties: { children: { type: 'array', items: { $ref: '#' } } },
    required: ['children'],
  },
  'escaped pointers': { $ref: '#/$defs/a~1b%20c', $defs: { 'a/b c': { type: 'boolean' } } },
  'keys with special letters': {
    type: 'object',
    properties: { 'a "b"\\c': { type: 'null' }, 'key/~ü': { type: 'null' } },
    required: ['a "b"\\c'],
  },
  'anything inside': { type: 'object', properties: { any: {}, also: true }, required: ['any'] },
  'implied type': { properties: { a: { type: 'integer' } }, required: ['a'] },
  ...Object.fromEntries(
    ['date', 'time', 'date-time', 'duration', 'uuid', 'email', 'hostname', 'ipv4', 'ipv6', 'uri'].map((format) => [
      `format ${format}`,
      { type: 'string', format },
    ]),
  ),
  ...Object.fromEntries(
    [
      '^[A-Z]{2}-\\d{3,5}$',
      '^(?:foo|ba[rz])+$',
      'x\\.y',
      '^\\w+\\s?["\\\\]$',
      '^[^a-z]*?$',
      '^$',
      '^.{3}|end$',
      '^(?<year>\\d{4})/\\d\\d$',
      '^\\u00e9[\\u{1F600}-\\u{1F64F}]$',
    ].map((pattern) => [`pattern ${pattern}`, { type: 'string', pattern }]),
  ),
};

describe('schema to grammar', () => {
  it.each(Object.entries(CASES))('derives only valid values: %s', (_name, schema) => {
    expectValid(schema);
  });

  it('derives different values', () => {
    expect(new Set(expectValid({ type: 'integer', minimum: 0, maximum: 9 }, 200)).size).toBe(10);
  });

  it.each([
    [{ type: 'integer', minimum: -17, maximum: 1203 }, [-17, -1, 0, 9, 10, 999, 1000, 1203], [-18, 1204, 1.5]],
    [{ type: 'number', minimum: -1.25, maximum: 10.5 }, [-1.25, -1.2, 0, 0.5, 10, 10.5, 10.49], [-1.26, 10.51, 11]],
    [{ type: 'number', minimum: 0.15, maximum: 0.35 }, [0.15, 0.2, 0.3, 0.35, 0.151], [0.1, 0.14, 0.36, 0.4, 0]],
    [{ type: 'string', minLength: 1, maxLength: 2 }, ['a', 'üé', '😀😀', '"'], ['', 'abc', '😀😀😀']],
    [{ type: 'string', maxLength: 2500 }, ['', 'x'.repeat(2500), 'x'.repeat(1000)], ['x'.repeat(2501)]],
    [{ type: 'string', minLength: 1500 }, ['x'.repeat(1500), 'x'.repeat(3001)], ['x'.repeat(1499)]],
    [{ type: 'string', pattern: '^[A-Z]{2}-\\d+$' }, ['AB-1', 'ZZ-0123'], ['AB-', 'aB-1', 'AB-1x']],
    [
      { type: 'object', properties: { ab: { type: 'null' } }, additionalProperties: { type: 'integer' } },
      [{}, { a: 1 }, { abc: 1 }, { ab: null, b: 1 }],
      [{ ab: 1 }, { a: null }],
    ],
    [
      { type: 'array', prefixItems: [{ type: 'string' }], minItems: 1, items: { type: 'integer' } },
      [['a'], ['a', 1, 2]],
      [[], [1], ['a', 'b']],
    ],
    [{ enum: ['yes', 'no', 3] }, ['yes', 3], ['maybe', 4]],
    [{ anyOf: [{ type: 'integer' }, { type: 'string', const: 'auto' }] }, [7, 'auto'], ['other']],
  ] as [object, unknown[], unknown[]][])('accepts what fits and refuses what does not: %j', (schema, good, bad) => {
    expect(good.filter((value) => !accepts(schema, value))).toEqual([]);
    expect(bad.filter((value) => accepts(schema, value))).toEqual([]);
  });

  it('accepts a realistic nested document with usual white space', () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        tags: { type: 'array', items: { type: 'string' } },
        owner: { anyOf: [{ type: 'null' }, { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }] },
      },
      required: ['name', 'tags', 'owner'],
    };
    const grammar = parseGrammar(schemaToGrammar(schema));
    const value = { name: 'x', tags: ['a', 'b'], owner: { id: 3 } };
    expect(matches(grammar, JSON.stringify(value))).toBe(true);
    expect(matches(grammar, JSON.stringify(value, undefined, 2))).toBe(true);
    expect(matches(grammar, '{"name": "x", "tags": ["a"], "owner": null}')).toBe(true);
  });

  it.each([
    [{ not: { type: 'string' } }, '/not'],
    [{ type: 'object', properties: { a: { if: {}, then: {} } } }, '/properties/a/if'],
    [{ type: 'string', pattern: '^(?=a)b$' }, '/pattern'],
    [{ type: 'string', pattern: '(a)\\1' }, '/pattern'],
    [{ type: 'string', format: 'iri' }, '/format'],
    [{ type: 'string', pattern: '^a*$', maxLength: 3 }, '/pattern'],
    [{ type: 'array', items: { type: 'array', uniqueItems: true } }, '/items/uniqueItems'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '/oneOf'],
    [{ $ref: 'https://example.com/schema' }, '/$ref'],
    [{ type: 'number', multipleOf: 0.01 }, '/multipleOf'],
    [{ type: 'object', properties: { a: { enum: ['x'], pattern: 'y' } }, required: ['a'] }, '/properties/a/pattern'],
    [{ type: 'object', properties: { a: false }, required: ['a'] }, '/'],
  ])('refuses %j, naming the place', (schema, path) => {
    expect(() => schemaToGrammar(schema)).toThrow(expect.objectContaining({ name: 'UnsupportedSchemaError', path }));
  });

  it.each([
    [{ type: 'text' }],
    [{ type: 'object', properties: [] }],
    [{ minLength: 'x' }],
    [{ $ref: '#/$defs/missing' }],
    [{ type: 'object', properties: { a: 7 }, required: ['a'] }],
    [7],
  ])('refuses %j as no schema', (schema) => {
    expect(() => schemaToGrammar(schema)).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
  });

  it('bounds hostile schemas', () => {
    let deep: object = { type: 'null' };
    for (let depth = 0; depth < 5000; depth += 1) deep = { type: 'array', items: deep };
    expect(() => schemaToGrammar(deep)).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
    const wide = {
      allOf: Array.from({ length: 12 }, (_, index) => ({ anyOf: [{ minLength: index }, { maxLength: 50 + index }] })),
      type: 'string',
    };
    expect(() => schemaToGrammar(wide)).toThrow(expect.objectContaining({ name: 'UnsupportedSchemaError' }));
    const large = { enum: Array.from({ length: 4000 }, (_, index) => `${'x'.repeat(300)}${index}`) };
    expect(() => schemaToGrammar(large)).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
    const loop = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } };
    expect(() => schemaToGrammar(loop)).toThrow(expect.objectContaining({ name: 'UnsupportedSchemaError' }));
  });

  it('derives any JSON object', () => {
    const grammar = parseGrammar(jsonObjectGrammar());
    const random = randomNumbers(3);
    for (let round = 0; round < 50; round += 1) {
      const value: unknown = JSON.parse(derive(grammar, random));
      expect(value).toBeTypeOf('object');
    }
    expect(matches(grammar, '{"a": [1, -2.5e3, {"b": null}], "c": "\\u00e9\\n"}')).toBe(true);
    expect(matches(grammar, '[1]')).toBe(false);
  });
});
