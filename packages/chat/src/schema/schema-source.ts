import { InvalidInputError } from '@pippa/core';
import { UnsupportedSchemaError } from '../errors.ts';
import { MAX_SCHEMA_DEPTH, MAX_SCHEMA_VISITS } from './limits.ts';

export type SchemaObject = Readonly<Record<string, unknown>>;
export type Path = readonly (string | number)[];

/** A subschema with its place, by which it is known: the same place is the same schema. */
export interface Placed {
  readonly schema: unknown;
  readonly path: Path;
}

/** Keywords that constrain values in ways a grammar (this one at least) cannot. */
const REFUSED = [
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'contains',
  'minContains',
  'maxContains',
  '$dynamicRef',
  '$recursiveRef',
];

/** Access to the subschemas of one schema, with its bounds. */
export class SchemaSource {
  readonly #root: Placed;
  #visits = 0;

  constructor(root: Placed) {
    this.#root = root;
  }

  /**
   * The object form of a subschema: `true` is `{}`; undefined for `false`, which nothing fits. Throws `UnsupportedSchemaError` for
   * keywords that cannot be constrained, `InvalidInputError` past the bounds or for what is no schema.
   */
  open({ schema, path }: Placed): SchemaObject | undefined {
    this.#visits += 1;
    if (this.#visits > MAX_SCHEMA_VISITS || path.length > MAX_SCHEMA_DEPTH * 2) {
      throw new InvalidInputError(`The schema is too large: more than ${MAX_SCHEMA_VISITS} parts or ${MAX_SCHEMA_DEPTH} levels.`, {
        path: path.join('/'),
      });
    }
    if (schema === true || schema === undefined) return {};
    if (schema === false) return undefined;
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      throw new InvalidInputError(`The schema at /${path.join('/')} is neither an object nor a boolean.`, { path: path.join('/') });
    }
    const opened = schema as SchemaObject;
    const refused = REFUSED.find((keyword) => opened[keyword] !== undefined);
    if (refused !== undefined) throw new UnsupportedSchemaError(`"${refused}" cannot be constrained`, [...path, refused]);
    return opened;
  }

  /** What a `$ref` of a schema at `path` means: only places of the same schema can be referred to. */
  resolve(reference: unknown, path: Path): Placed {
    const where = [...path, '$ref'];
    if (typeof reference !== 'string' || !reference.startsWith('#')) {
      throw new UnsupportedSchemaError(
        `Only references into the schema itself (#/...) can be followed, not ${JSON.stringify(reference)}`,
        where,
      );
    }
    const steps = reference === '#' ? [] : decodeURIComponent(reference.slice(1)).split('/').slice(1);
    let schema: unknown = this.#root.schema;
    for (const step of steps) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
      if (typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, key)) {
        throw new InvalidInputError(`The reference ${reference} at /${where.join('/')} leads nowhere.`, { path: where.join('/') });
      }
      schema = (schema as Record<string, unknown>)[key];
    }
    return { schema, path: [...this.#root.path, ...steps] };
  }
}

/** Subschemas under a keyword that holds a map of them. */
export function placedEntries(schema: SchemaObject, keyword: string, path: Path): [name: string, placed: Placed][] {
  const entries = schema[keyword];
  if (entries === undefined) return [];
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) throw wrongKind(keyword, 'an object', path);
  return Object.entries(entries).map(([name, child]) => [name, { schema: child, path: [...path, keyword, name] }]);
}

/** Subschemas under a keyword that holds a list of them. */
export function placedList(schema: SchemaObject, keyword: string, path: Path): Placed[] {
  const list = schema[keyword];
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw wrongKind(keyword, 'a list', path);
  return list.map((child: unknown, index) => ({ schema: child, path: [...path, keyword, index] }));
}

export function numberKeyword(schema: SchemaObject, keyword: string, path: Path): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongKind(keyword, 'a number', path);
  return value;
}

export function countKeyword(schema: SchemaObject, keyword: string, path: Path): number | undefined {
  const value = numberKeyword(schema, keyword, path);
  if (value !== undefined && (!Number.isInteger(value) || value < 0)) throw wrongKind(keyword, 'a count', path);
  return value;
}

export function textKeyword(schema: SchemaObject, keyword: string, path: Path): string | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw wrongKind(keyword, 'a text', path);
  return value;
}

export function textListKeyword(schema: SchemaObject, keyword: string, path: Path): readonly string[] {
  const value = schema[keyword];
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw wrongKind(keyword, 'a list of texts', path);
  return value;
}

export function wrongKind(keyword: string, wanted: string, path: Path): InvalidInputError {
  const where = [...path, keyword].join('/');
  return new InvalidInputError(`"${keyword}" at /${where} must be ${wanted}.`, { path: where });
}
