import { UnsupportedSchemaError } from '../errors.ts';
import type { Constraints } from './constraints.ts';
import { joined, literal } from './gbnf.ts';
import type { ListItem } from './grammar-builder.ts';
import { otherKey } from './other-key.ts';
import { patternBody } from './pattern-rules.ts';
import type { SchemaConverter } from './schema-converter.ts';
import type { Placed } from './schema-source.ts';

/**
 * Body for a JSON object; undefined when none fits. Declared properties come in their order. Properties that are not declared are
 * only written where the schema allows them by name (`additionalProperties`) or says nothing about properties at all: what a schema
 * allows by silence only invites models to wander.
 */
export function objectBody(converter: SchemaConverter, name: string, constraints: Constraints): string | undefined {
  const { objects, required, minProperties, maxProperties, path } = constraints;
  const { builder, rules } = converter;
  const space = rules.space();
  const declared = [...new Set([...objects.flatMap(({ properties }) => [...properties.keys()]), ...required])];
  const items: ListItem[] = [];
  for (const key of declared) {
    const rule = converter.rule(`${name}-${key}`, partsFor(constraints, key));
    if (rule === undefined) {
      if (required.has(key)) return undefined;
      continue;
    }
    items.push({
      rule: builder.add(`${name}-${key}-member`, `${literal(JSON.stringify(key))} ${space} ":" ${space} ${rule}`),
      required: required.has(key),
    });
  }
  const others = otherMembers(converter, name, constraints, declared);
  const bounded =
    minProperties > required.size || (maxProperties !== undefined && (others !== undefined || maxProperties < items.length));
  let members: string;
  if (!bounded) {
    if (minProperties > items.length && others === undefined) return undefined;
    members = builder.optionalList(name, items, `"," ${space}`, others);
  } else if (items.length === 0 && others !== undefined && minProperties <= 1) {
    // Keys may repeat, and a reader keeps the last: at least one stays at least one, at most n at most n.
    if (maxProperties === 0) members = '';
    else {
      const more = builder.repeat(
        builder.add(`${name}-next`, `"," ${space} ${others}`),
        0,
        maxProperties === undefined ? undefined : maxProperties - 1,
      );
      members = minProperties === 1 ? joined(others, more) : `(${joined(others, more)})?`;
    }
  } else if (minProperties > 0 && minProperties === items.length && others === undefined) {
    members = items.map(({ rule }) => rule).join(` "," ${space} `);
  } else if (minProperties === 1 && maxProperties === undefined && required.size === 0) {
    members = builder.optionalList(name, items, `"," ${space}`, others).replace(/\?$/, '');
  } else {
    throw new UnsupportedSchemaError('A number of properties cannot be constrained here', [
      ...path,
      minProperties > required.size ? 'minProperties' : 'maxProperties',
    ]);
  }
  return joined('"{"', space, members, space, '"}"');
}

/** Everything that is said of the property `key`. */
function partsFor({ objects }: Constraints, key: string): Placed[] {
  return objects.flatMap(({ properties, patterns, additional, names }) => {
    if (patterns.length > 0) {
      const [, placed] = patterns[0] as readonly [string, Placed];
      throw new UnsupportedSchemaError(
        '"patternProperties" beside declared properties cannot be constrained',
        placed.path.slice(0, -1),
      );
    }
    if (names !== undefined)
      throw new UnsupportedSchemaError('"propertyNames" beside declared properties cannot be constrained', names.path);
    const own = properties.get(key) ?? additional;
    return own === undefined ? [] : [own];
  });
}

/** Name of the rule for a member that is not declared; undefined when there are none. */
function otherMembers(
  converter: SchemaConverter,
  name: string,
  { objects, path }: Constraints,
  declared: readonly string[],
): string | undefined {
  const { builder, rules } = converter;
  const space = rules.space();
  const additional = objects.map((say) => say.additional).filter((placed) => placed !== undefined);
  const patterns = objects.flatMap((say) => say.patterns);
  const names = objects.map((say) => say.names).filter((placed) => placed !== undefined);
  if (patterns.length > 0) {
    const [[pattern, placed], second] = patterns as [readonly [string, Placed], (readonly [string, Placed])?];
    if (second !== undefined || names.length > 0) {
      throw new UnsupportedSchemaError(
        'Several patterns of property names cannot be constrained together',
        placed.path.slice(0, -1),
      );
    }
    // A key that fits the pattern is no additional one, whatever is said of those; others are not written.
    const value = converter.rule(`${name}-value`, [placed]);
    if (value === undefined) return undefined;
    const key = patternBody(builder, rules, pattern, placed.path).body;
    return builder.add(`${name}-other`, `"\\"" (${key}) "\\"" ${space} ":" ${space} ${value}`);
  }
  if (declared.length > 0 && additional.length === 0) return undefined;
  const value = converter.rule(`${name}-value`, additional);
  if (value === undefined) return undefined;
  const key =
    names.length > 0
      ? converter.rule(`${name}-name`, [...names, { schema: { type: 'string' }, path: [...path, 'propertyNames', 'type'] }])
      : declared.length > 0
        ? otherKey(builder, rules, declared)
        : rules.text();
  return key === undefined ? undefined : builder.add(`${name}-other`, `${key} ${space} ":" ${space} ${value}`);
}
