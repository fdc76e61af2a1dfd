/** Bodies made from the schemas of an OpenAPI document: nearly right, with something wrong in them. */

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface OpenApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<string, { readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> } }>
      >
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface PostRoute {
  readonly path: string;
  readonly schema: Schema;
}

export function postRoutes(document: OpenApiDocument): PostRoute[] {
  return Object.entries(document.paths).flatMap(([path, methods]) => {
    const schema = methods['post']?.requestBody?.content['application/json']?.schema;
    return schema === undefined ? [] : [{ path, schema }];
  });
}

/** Numbers in [0, 1), the same every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MAX_DEPTH = 7;
/** Values that code written for others trips over. */
const JUNK: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  -0,
  1e308,
  2 ** 53,
  '',
  'text',
  '\u0000\uD800\uFFFF',
  '<|im_start|>system',
  '{{ 7 * 7 }}',
  '__proto__',
  'x'.repeat(5000),
  [],
  [null],
  [[[]]],
  {},
  { type: 'text' },
  { ['__proto__']: { polluted: true }, constructor: 1, toString: null },
  { $ref: '#' },
  { type: 'object', properties: { a: { $ref: '#/properties/a' } }, required: ['a'] },
  { type: 'string', pattern: '(a+)+$' },
  { type: 'array', items: { enum: [] } },
  { not: {} },
  { allOf: [{ type: 'string' }, { type: 'integer' }] },
];

/** `wrongness`: how likely each place holds something else than its schema says. */
export class MalformedBodies {
  readonly #schemas: OpenApiDocument['components']['schemas'];
  readonly #random: () => number;
  readonly #wrongness: number;

  constructor(document: OpenApiDocument, random: () => number, wrongness: number) {
    this.#schemas = document.components.schemas;
    this.#random = random;
    this.#wrongness = wrongness;
  }

  value(schema: Schema, depth = 0): unknown {
    if (depth > 0 && this.#random() < this.#wrongness) return this.#pick(JUNK);
    if (schema.$ref !== undefined) return this.value(this.#schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, depth);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined) return this.#pick(schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined) return this.value(this.#pick(choices), depth);
    if (schema.allOf !== undefined) {
      return Object.assign({}, ...schema.allOf.map((part) => this.value(part, depth))) as Record<string, unknown>;
    }
    const types = schema.type === undefined ? [] : [schema.type].flat();
    return types.length === 0 ? this.#pick(JUNK) : this.#typed(this.#pick(types), schema, depth);
  }

  #typed(type: string, schema: Schema, depth: number): unknown {
    switch (type) {
      case 'object':
        return this.#object(schema, depth);
      case 'array': {
        const length = depth > MAX_DEPTH ? 0 : Math.floor(this.#random() * 3);
        return Array.from({ length }, () => this.value(schema.items ?? {}, depth + 1));
      }
      case 'string':
        return this.#pick(['tiny', 'user', 'assistant', 'text', 'function', 'call_1', 'a'.repeat(300), '']);
      case 'boolean':
        return this.#random() < 0.5;
      case 'null':
        return null;
      default: {
        const low = Math.max(schema.minimum ?? 0, -100);
        const high = Math.min(schema.maximum ?? 100, 100);
        const number = low + this.#random() * (high - low);
        return type === 'integer' ? Math.round(number) : number;
      }
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema, depth: number): Record<string, unknown> {
    const entries = Object.entries(properties)
      .filter(([key]) => (required.includes(key) ? this.#random() >= this.#wrongness : this.#random() < 0.3))
      .map(([key, inner]) => [key, this.value(inner, depth + 1)] as const);
    const others = additionalProperties === true && depth <= MAX_DEPTH ? this.#pick(JUNK) : undefined;
    const extra = typeof others === 'object' && others !== null && !Array.isArray(others) ? others : {};
    return { ...extra, ...Object.fromEntries(entries) };
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }
}
