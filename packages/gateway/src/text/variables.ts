import { InvalidRequestError } from '../errors.ts';
import { MAX_VALUE_CHARS, type TextOperation } from './operation.ts';

/**
 * The values for each operation of a chain: `to` is for all that know it, `translate.to` for one. Throws an `InvalidRequestError` for a
 * variable that none of them knows, that is missing, or too long.
 */
export function readVariables(
  chain: readonly TextOperation[],
  given: Readonly<Record<string, string>>,
): readonly Readonly<Record<string, string>>[] {
  for (const [name, value] of Object.entries(given)) {
    if (!chain.some((operation) => namesOf(operation).some((known) => name === known || name === `${operation.name}.${known}`))) {
      const known = [...new Set(chain.flatMap(namesOf))];
      throw new InvalidRequestError(
        `There is no variable '${name.slice(0, 64)}' here. ${known.length === 0 ? 'There are none.' : `Known: ${known.join(', ')}.`}`,
        { param: name.slice(0, 64), reason: 'unknown_parameter' },
      );
    }
    if (value.length > MAX_VALUE_CHARS) {
      throw new InvalidRequestError(`'${name}' has more than ${MAX_VALUE_CHARS} characters.`, {
        param: name,
        reason: 'string_above_max_length',
      });
    }
  }
  return chain.map((operation) =>
    Object.fromEntries(
      Object.entries(operation.variables).map(([name, { default: otherwise }]) => {
        const value = given[`${operation.name}.${name}`] ?? given[name] ?? otherwise;
        if (value !== undefined) return [name, value];
        throw new InvalidRequestError(`The operation "${operation.name}" needs '${name}'.`, {
          param: name,
          reason: 'missing_required_parameter',
        });
      }),
    ),
  );
}

const namesOf = ({ variables }: TextOperation): string[] => Object.keys(variables);
