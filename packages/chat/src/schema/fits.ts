import { UnsupportedSchemaError } from '../errors.ts';
import { type Constraints, type JsonType } from './constraints.ts';

/**
 * Whether a value of an `enum` fits what else is said of it. Throws `UnsupportedSchemaError` where that would need a whole
 * validator: patterns, formats, members of objects and items of lists beside an `enum`.
 */
export function fits(value: unknown, constraints: Constraints): boolean {
  const { types } = constraints;
  if (types !== undefined && !namesOf(value).some((type) => types.has(type))) return false;
  if (typeof value === 'number') return numberFits(value, constraints);
  if (typeof value === 'string') {
    const said = constraints.pattern ?? constraints.format;
    if (said !== undefined) throw beside('A pattern or format', said.path);
    const length = Array.from(value).length;
    return length >= constraints.minLength && length <= (constraints.maxLength ?? Infinity);
  }
  if (Array.isArray(value)) {
    if (constraints.arrays.length > 0) throw beside('Items', constraints.path);
    return value.length >= constraints.minItems && value.length <= (constraints.maxItems ?? Infinity);
  }
  if (typeof value === 'object' && value !== null) {
    const said = constraints.objects.some(
      ({ properties, patterns, additional, names }) =>
        properties.size > 0 || patterns.length > 0 || additional !== undefined || names !== undefined,
    );
    if (said || constraints.required.size > 0) throw beside('Properties', constraints.path);
    const size = Object.keys(value).length;
    return size >= constraints.minProperties && size <= (constraints.maxProperties ?? Infinity);
  }
  return true;
}

export function numberFits(
  value: number,
  { minimum, maximum, multipleOf }: Pick<Constraints, 'minimum' | 'maximum' | 'multipleOf'>,
): boolean {
  if (minimum !== undefined && (value < minimum.value || (minimum.exclusive && value === minimum.value))) return false;
  if (maximum !== undefined && (value > maximum.value || (maximum.exclusive && value === maximum.value))) return false;
  return multipleOf.every((factor) => Number.isInteger(value / factor));
}

function namesOf(value: unknown): readonly JsonType[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  switch (typeof value) {
    case 'boolean':
      return ['boolean'];
    case 'number':
      return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
    case 'string':
      return ['string'];
    default:
      return ['object'];
  }
}

function beside(what: string, path: readonly (string | number)[]): UnsupportedSchemaError {
  return new UnsupportedSchemaError(`${what} beside "enum" or "const" cannot be constrained`, path);
}
