import { UnsupportedSchemaError } from '../errors.ts';
import { combine, type Constraints, type OpenedSchema } from './constraints.ts';
import { provablyDisjoint } from './disjoint.ts';
import { MAX_ALTERNATIVES } from './limits.ts';
import { placedList, type Placed, type SchemaSource } from './schema-source.ts';

interface Pending extends Placed {
  /** Places this one was reached through without passing a property or item: meeting one again would go on forever. */
  readonly through: ReadonlySet<string>;
}

/**
 * What `parts` say together, with references followed and choices unfolded: any value that fits one of the results fits the parts.
 * Empty: nothing fits. Throws `UnsupportedSchemaError`, also where alternatives of a `oneOf` might both fit.
 */
export function alternativesOf(source: SchemaSource, parts: readonly Placed[]): Constraints[] {
  const found: Constraints[] = [];
  const unfold = (pending: readonly Pending[], opened: readonly OpenedSchema[], seen: ReadonlySet<string>): void => {
    const [first, ...rest] = pending;
    if (first === undefined) {
      const constraints = combine(opened);
      if (constraints !== undefined) found.push(constraints);
      if (found.length > MAX_ALTERNATIVES) {
        throw new UnsupportedSchemaError(`More than ${MAX_ALTERNATIVES} alternatives cannot be constrained`, parts[0]?.path ?? []);
      }
      return;
    }
    const key = placeKey(first);
    if (first.through.has(key)) return;
    if (seen.has(key)) {
      unfold(rest, opened, seen);
      return;
    }
    const schema = source.open(first);
    if (schema === undefined) return;
    const through = new Set([...first.through, key]);
    const reach = (placed: Placed): Pending => ({ ...placed, through });
    const always = [
      ...(schema['$ref'] === undefined ? [] : [reach(source.resolve(schema['$ref'], first.path))]),
      ...placedList(schema, 'allOf', first.path).map(reach),
    ];
    const choices = ['anyOf', 'oneOf'].map((keyword) => placedList(schema, keyword, first.path)).filter((list) => list.length > 0);
    checkOneOf(source, placedList(schema, 'oneOf', first.path), first);
    const known = new Set([...seen, key]);
    for (const chosen of combinations(choices)) {
      unfold([...always, ...chosen.map(reach), ...rest], [...opened, { schema, path: first.path }], known);
    }
  };
  unfold(
    parts.map((part) => ({ ...part, through: new Set<string>() })),
    [],
    new Set(),
  );
  return found;
}

/** A place as a key: one schema is one place. */
export function placeKey({ path }: Placed): string {
  return path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
}

/** `oneOf` wants exactly one to fit: its alternatives must exclude each other, which a grammar does not check by itself. */
function checkOneOf(source: SchemaSource, options: readonly Placed[], parent: Pending): void {
  if (options.length < 2) return;
  const unfolded = options
    .filter((option) => !parent.through.has(placeKey(option)))
    .map((option) => ({ option, alternatives: alternativesOf(source, [option]) }));
  for (const [index, { alternatives, option }] of unfolded.entries()) {
    for (const other of unfolded.slice(index + 1)) {
      if (alternatives.every((left) => other.alternatives.every((right) => provablyDisjoint(source, left, right)))) continue;
      throw new UnsupportedSchemaError(
        `The alternatives of "oneOf" at /${option.path.join('/')} and /${other.option.path.join('/')} may both fit one value, which cannot be excluded`,
        [...parent.path, 'oneOf'],
        { hint: 'Use "anyOf", or give each alternative a required property with a "const" of its own.' },
      );
    }
  }
}

function combinations(choices: readonly (readonly Placed[])[]): Placed[][] {
  return choices.reduce<Placed[][]>(
    (chosen, options) => chosen.flatMap((before) => options.map((option) => [...before, option])),
    [[]],
  );
}
