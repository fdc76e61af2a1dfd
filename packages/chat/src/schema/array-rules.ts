import { UnsupportedSchemaError } from '../errors.ts';
import type { Constraints } from './constraints.ts';
import { joined } from './gbnf.ts';
import type { SchemaConverter } from './schema-converter.ts';
import type { Placed } from './schema-source.ts';

/** Body for a JSON list; undefined when none fits. */
export function arrayBody(converter: SchemaConverter, name: string, constraints: Constraints): string | undefined {
  const { arrays, minItems, unique } = constraints;
  const { builder, rules } = converter;
  let { maxItems } = constraints;
  const prefixLength = Math.max(0, ...arrays.map(({ prefix }) => prefix.length));
  const itemRule = (index: number): string | undefined => {
    const parts = arrays.map(({ prefix, rest }) => prefix[index] ?? rest).filter((part): part is Placed => part !== undefined);
    return converter.rule(`${name}-item`, parts);
  };
  const prefix: string[] = [];
  for (let index = 0; index < Math.min(prefixLength, maxItems ?? Infinity); index += 1) {
    const rule = itemRule(index);
    if (rule === undefined) {
      maxItems = index;
      break;
    }
    prefix.push(rule);
  }
  const rest = maxItems !== undefined && maxItems <= prefix.length ? undefined : itemRule(prefixLength);
  if (rest === undefined) maxItems = Math.min(maxItems ?? Infinity, prefix.length);
  if (minItems > (maxItems ?? Infinity)) return undefined;
  if (unique !== undefined && (maxItems ?? Infinity) > 1) {
    throw new UnsupportedSchemaError('"uniqueItems" cannot be constrained for more than one item', [...unique, 'uniqueItems']);
  }
  const space = rules.space();
  if (maxItems === 0) return `"[" ${space} "]"`;
  // From the end: what may come after the items before.
  let tail =
    rest === undefined
      ? ''
      : more(
          rest,
          minItems - Math.max(prefix.length, 1),
          maxItems === undefined ? undefined : maxItems - Math.max(prefix.length, 1),
        );
  for (let index = prefix.length - 1; index > 0; index -= 1) {
    const written = joined(`"," ${space} ${prefix[index] as string}`, tail);
    tail = builder.add(`${name}-rest`, index < minItems ? written : `(${written})?`);
  }
  const first = joined(prefix[0] ?? (rest as string), tail);
  return joined('"["', space, minItems === 0 ? `(${first})?` : first, space, '"]"');

  function more(item: string, min: number, max: number | undefined): string {
    return builder.repeat(builder.add(`${name}-next`, `"," ${space} ${item}`), Math.max(0, min), max);
  }
}
