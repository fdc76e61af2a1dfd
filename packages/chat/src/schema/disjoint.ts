import { JSON_TYPES, type Constraints, type JsonType } from './constraints.ts';
import { fits } from './fits.ts';
import type { SchemaSource } from './schema-source.ts';

/** Whether no value that is written for one of the two can fit the other. False: it is not certain. */
export function provablyDisjoint(source: SchemaSource, left: Constraints, right: Constraints): boolean {
  const shared = [...typesOf(left)].filter(
    (type) =>
      typesOf(right).has(type) ||
      (type === 'integer' && typesOf(right).has('number')) ||
      (type === 'number' && typesOf(right).has('integer')),
  );
  if (shared.length === 0) return true;
  if (left.values !== undefined) return left.values.every((value) => !fits(value, right));
  if (right.values !== undefined) return right.values.every((value) => !fits(value, left));
  return (
    shared.every((type) => type === 'object') &&
    (differInTag(source, left, right) || (demandsUnwritten(left, right) && demandsUnwritten(right, left)))
  );
}

function typesOf(constraints: Constraints): ReadonlySet<JsonType> {
  if (constraints.types !== undefined) return constraints.types;
  if (constraints.values !== undefined) return new Set(JSON_TYPES);
  return constraints.implied.size > 0 ? constraints.implied : new Set(JSON_TYPES);
}

/** A property that both demand, with values that never agree. */
function differInTag(source: SchemaSource, left: Constraints, right: Constraints): boolean {
  return [...left.required].some((name) => {
    if (!right.required.has(name)) return false;
    const ours = tagValues(source, left, name);
    const theirs = tagValues(source, right, name);
    return ours !== undefined && theirs !== undefined && !ours.some((value) => theirs.includes(value));
  });
}

function tagValues(source: SchemaSource, constraints: Constraints, name: string): readonly unknown[] | undefined {
  for (const { properties } of constraints.objects) {
    const placed = properties.get(name);
    const schema = placed === undefined ? undefined : source.open(placed);
    if (schema === undefined) continue;
    if (schema['const'] !== undefined) return isScalar(schema['const']) ? [schema['const']] : undefined;
    const choices = schema['enum'];
    if (Array.isArray(choices) && choices.every(isScalar)) return choices;
  }
  return undefined;
}

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;

/** `right` demands a property that is never written for `left`: only declared properties are. */
function demandsUnwritten(left: Constraints, right: Constraints): boolean {
  const open = left.objects.some(
    ({ additional, patterns }) => patterns.length > 0 || (additional !== undefined && additional.schema !== false),
  );
  if (open || left.types?.has('object') === false) return false;
  return [...right.required].some(
    (name) => !left.required.has(name) && !left.objects.some(({ properties }) => properties.has(name)),
  );
}
