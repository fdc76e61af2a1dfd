import fc from 'fast-check';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Keys that the text of a schema and of JSON have to escape are among them. */
const KEYS = [
  'a',
  'b',
  'name',
  'value',
  'items',
  'with space',
  'quote"',
  'back\\slash',
  'ü',
  '日本',
  '$ref',
  '__proto',
  'a/b',
  'a~b',
];
const PATTERNS = [
  '^[a-z]{1,5}$',
  '^\\d{2}-\\d{2}$',
  '^(red|green|blue)$',
  '^[A-Z][a-z]?$',
  '^v\\d+(\\.\\d+)?$',
  '^#[0-9a-fA-F]{6}$',
];
const FORMATS = ['date', 'time', 'date-time', 'uuid', 'ipv4', 'email'];
/** Texts that a random model would never end are bounded. */
const MAX_LENGTH = 8;
const MAX_ITEMS = 3;
const MAX_DEPTH = 2;

const key = fc.constantFrom(...KEYS);
const scalar = fc.oneof(fc.constantFrom(null, true, false), fc.integer({ min: -1000, max: 1000 }), fc.string({ maxLength: 8 }));

const integer = fc
  .tuple(fc.integer({ min: -500, max: 500 }), fc.integer({ min: 0, max: 700 }), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([low, width, lower, upper, exclusive]): JsonSchema => ({
    type: 'integer',
    ...(lower ? { [exclusive ? 'exclusiveMinimum' : 'minimum']: low } : {}),
    ...(upper ? { [exclusive ? 'exclusiveMaximum' : 'maximum']: low + width + 2 } : {}),
  }));
const number = fc
  .tuple(fc.integer({ min: -500, max: 500 }), fc.integer({ min: 1, max: 500 }), fc.boolean())
  .map(([low, width, bounded]): JsonSchema => ({
    type: 'number',
    ...(bounded ? { minimum: low / 4, maximum: (low + width) / 4 } : {}),
  }));
const text = fc.oneof(
  fc
    .tuple(fc.nat(4), fc.nat(MAX_LENGTH - 4))
    .map(([least, more]): JsonSchema => ({ type: 'string', minLength: least, maxLength: least + more })),
  fc.constantFrom(...PATTERNS).map((pattern): JsonSchema => ({ type: 'string', pattern })),
  fc.constantFrom(...FORMATS).map((format): JsonSchema => ({ type: 'string', format })),
);
const choice = fc.oneof(
  fc.uniqueArray(scalar, { minLength: 1, maxLength: 5, comparator: 'SameValue' }).map((values): JsonSchema => ({ enum: values })),
  scalar.map((value): JsonSchema => ({ const: value })),
  fc.constantFrom<JsonSchema[]>({ type: 'boolean' }, { type: 'null' }, { type: ['boolean', 'null'] }),
);

function object(inner: fc.Arbitrary<JsonSchema>): fc.Arbitrary<JsonSchema> {
  const properties = fc.uniqueArray(fc.tuple(key, inner, fc.boolean()), { selector: ([name]) => name, minLength: 1, maxLength: 4 });
  return fc.tuple(properties, fc.boolean()).map(([members, open]): JsonSchema => ({
    type: 'object',
    properties: Object.fromEntries(members.map(([name, schema]) => [name, schema])),
    required: members.filter(([, , required]) => required).map(([name]) => name),
    ...(open ? {} : { additionalProperties: false }),
  }));
}

function array(inner: fc.Arbitrary<JsonSchema>): fc.Arbitrary<JsonSchema> {
  return fc.tuple(inner, fc.nat(2), fc.nat(MAX_ITEMS), fc.boolean()).map(([items, least, more, tuple]): JsonSchema => {
    const bounds = { minItems: least, maxItems: Math.max(least + more, tuple ? 1 : 0) };
    return tuple ? { type: 'array', prefixItems: [{ type: 'boolean' }], items, ...bounds } : { type: 'array', items, ...bounds };
  });
}

const map = fc.tuple(integer, fc.integer({ min: 1, max: 2 })).map(([values, most]): JsonSchema => ({
  type: 'object',
  propertyNames: { type: 'string', maxLength: 6 },
  additionalProperties: values,
  maxProperties: most,
}));

function combination(inner: fc.Arbitrary<JsonSchema>): fc.Arbitrary<JsonSchema> {
  return fc.oneof(
    fc.array(inner, { minLength: 1, maxLength: 3 }).map((anyOf): JsonSchema => ({ anyOf })),
    inner.map((schema): JsonSchema => ({ allOf: [schema, {}] })),
    // Alternatives that exclude each other by a tag, as generated schemas write them.
    fc.tuple(inner, inner).map(([left, right]): JsonSchema => ({
      oneOf: [left, right].map((value, index) => ({
        type: 'object',
        properties: { kind: { const: `kind-${index}` }, value },
        required: ['kind', 'value'],
        additionalProperties: false,
      })),
    })),
    inner.map((schema): JsonSchema => ({ $ref: '#/$defs/one', title: 'By reference', $defs: { one: schema } })),
  );
}

function nested(depth: number): fc.Arbitrary<JsonSchema> {
  const leaf = fc.oneof(integer, number, text, choice);
  if (depth === 0) return leaf;
  const inner = nested(depth - 1);
  return fc.oneof(leaf, object(inner), array(inner), map, combination(inner).map(withoutReference));
}

/** References are looked up from the root, so only the root may have them. */
function withoutReference(schema: JsonSchema): JsonSchema {
  const { $defs, $ref: _, ...rest } = schema;
  return $defs === undefined ? schema : { ...rest, ...($defs as { one: JsonSchema }).one };
}

/** A list that may hold lists of its own kind. */
const recursive = fc.tuple(integer, fc.nat(2)).map(([value, most]): JsonSchema => ({
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: { value, next: { type: 'array', items: { $ref: '#/$defs/node' }, maxItems: most } },
      required: ['value'],
      additionalProperties: false,
    },
  },
}));

/** Schemas of what can be constrained, and whose values a model without sense ends some time. */
export const schemas: fc.Arbitrary<JsonSchema> = fc.oneof(
  { arbitrary: object(nested(MAX_DEPTH - 1)), weight: 6 },
  { arbitrary: nested(MAX_DEPTH), weight: 3 },
  { arbitrary: combination(nested(1)), weight: 2 },
  { arbitrary: recursive, weight: 1 },
);
