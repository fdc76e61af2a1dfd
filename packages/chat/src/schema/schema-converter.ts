import { UnsupportedSchemaError } from '../errors.ts';
import { alternativesOf, placeKey } from './alternatives.ts';
import { arrayBody } from './array-rules.ts';
import { JSON_TYPES, type Constraints, type JsonType } from './constraints.ts';
import { fits, numberFits } from './fits.ts';
import { literal } from './gbnf.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import { JsonRules } from './json-rules.ts';
import { decimalBody, integerBody } from './numbers.ts';
import { objectBody } from './object-rules.ts';
import { SchemaSource, type Path, type Placed } from './schema-source.ts';
import { textBody } from './text-rules.ts';

/** Whole numbers that a `multipleOf` leaves are written out up to this many. */
const MAX_LISTED_NUMBERS = 512;

/** Makes the grammar rules for one JSON schema; subschemas become rules by their place, so recursion ends. */
export class SchemaConverter {
  readonly builder: GrammarBuilder;
  readonly rules: JsonRules;
  readonly #source: SchemaSource;
  readonly #known = new Map<string, string>();

  constructor(builder: GrammarBuilder, root: Placed) {
    this.builder = builder;
    this.rules = new JsonRules(builder);
    this.#source = new SchemaSource(root);
  }

  /** Name of the rule for values that fit all `parts`; undefined when no value does. `name` is how the rule is called if it can be. */
  rule(name: string, parts: readonly Placed[]): string | undefined {
    const followed = this.#followed(parts);
    if (followed === undefined) return undefined;
    if (followed.length === 0) return this.rules.value();
    const key = followed.map(placeKey).toSorted().join(' & ');
    const known = this.#known.get(key);
    if (known !== undefined) return known === '' ? undefined : known;
    const rule = this.builder.reserve(name);
    this.#known.set(key, rule);
    const bodies = alternativesOf(this.#source, followed).flatMap((constraints) => this.#bodies(rule, constraints));
    if (bodies.length === 0) {
      this.#known.set(key, '');
      this.builder.define(rule, '""');
      return undefined;
    }
    this.builder.define(rule, [...new Set(bodies)].join(' | '));
    return rule;
  }

  /** As `rule`, where something must fit. */
  requiredRule(name: string, placed: Placed): string {
    const rule = this.rule(name, [placed]);
    if (rule === undefined) throw new UnsupportedSchemaError('No value fits what the schema says', placed.path);
    return rule;
  }

  /** Parts that say something, with bare references replaced by what they mean; undefined when one of them is `false`. */
  #followed(parts: readonly Placed[]): Placed[] | undefined {
    const result = new Map<string, Placed>();
    for (const part of parts) {
      let placed = part;
      const met = new Set<string>();
      while (true) {
        const schema = this.#source.open(placed);
        if (schema === undefined) return undefined;
        if (schema['$ref'] === undefined || Object.keys(schema).some((key) => key !== '$ref' && !ANNOTATIONS.has(key))) {
          if (Object.keys(schema).some((key) => !ANNOTATIONS.has(key))) result.set(placeKey(placed), placed);
          break;
        }
        if (met.has(placeKey(placed))) throw new UnsupportedSchemaError('A reference leads back to itself', placed.path);
        met.add(placeKey(placed));
        placed = this.#source.resolve(schema['$ref'], placed.path);
      }
    }
    return [...result.values()];
  }

  #bodies(name: string, constraints: Constraints): string[] {
    if (constraints.values !== undefined) {
      return constraints.values.filter((value) => fits(value, constraints)).map((value) => literal(JSON.stringify(value)));
    }
    const types = constraints.types ?? (constraints.implied.size > 0 ? constraints.implied : new Set(JSON_TYPES));
    return JSON_TYPES.filter((type) => types.has(type) && !(type === 'integer' && types.has('number')))
      .map((type) => this.#body(name, type, constraints))
      .filter((body) => body !== undefined);
  }

  #body(name: string, type: JsonType, constraints: Constraints): string | undefined {
    switch (type) {
      case 'null':
        return '"null"';
      case 'boolean':
        return this.rules.boolean();
      case 'integer':
      case 'number':
        return this.#number(type, constraints);
      case 'string':
        return textBody(this, constraints);
      case 'array':
        return arrayBody(this, name, constraints);
      case 'object':
        return objectBody(this, name, constraints);
    }
  }

  #number(type: 'integer' | 'number', constraints: Constraints): string | undefined {
    const { minimum, maximum, multipleOf, path } = constraints;
    const factors = multipleOf.filter((factor) => factor !== 1);
    if (factors.length > 0) return this.#multiples(constraints, factors);
    if (type === 'integer' || multipleOf.length > 0) {
      return minimum === undefined && maximum === undefined ? this.rules.integer() : integerBody(minimum, maximum);
    }
    if (minimum === undefined && maximum === undefined) return this.rules.number();
    const body = decimalBody(minimum, maximum);
    if (body === undefined)
      throw new UnsupportedSchemaError('No number in this range can be constrained', [
        ...path,
        minimum === undefined ? 'maximum' : 'minimum',
      ]);
    return body;
  }

  #multiples(constraints: Constraints, factors: readonly number[]): string | undefined {
    const { minimum, maximum, path } = constraints;
    const step = Math.max(...factors);
    const where: Path = [...path, 'multipleOf'];
    if (!factors.every((factor) => Number.isInteger(factor) && factor > 0)) {
      throw new UnsupportedSchemaError('"multipleOf" can only be constrained for whole factors', where);
    }
    if (minimum === undefined || maximum === undefined || (maximum.value - minimum.value) / step > MAX_LISTED_NUMBERS) {
      throw new UnsupportedSchemaError(
        `"multipleOf" can only be constrained between a minimum and a maximum with at most ${MAX_LISTED_NUMBERS} numbers`,
        where,
      );
    }
    const numbers: string[] = [];
    for (let number = Math.ceil(minimum.value / step) * step; number <= maximum.value; number += step) {
      if (numberFits(number, constraints)) numbers.push(literal(String(number + 0)));
    }
    return numbers.length === 0 ? undefined : numbers.join(' | ');
  }
}

/** Keywords that say nothing about values: a reference beside them is still bare. */
const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
  '$schema',
  '$id',
  '$defs',
  'definitions',
  '$anchor',
]);
