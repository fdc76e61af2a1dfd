import { didYouMean } from '@pippa/core';
import { OperationNotFoundError } from '../errors.ts';
import type { TextOperation } from './operation.ts';

/** A file that should hold an operation and does not. */
export interface OperationProblem {
  readonly file: string;
  readonly message: string;
}

/** The operations there are now. */
export interface TextOperations {
  list(): { readonly operations: readonly TextOperation[]; readonly problems: readonly OperationProblem[] };
}

export const NO_OPERATIONS: TextOperations = { list: () => ({ operations: [], problems: [] }) };

/** Operations in one request; each is a whole answer of a model. */
const MAX_CHAIN = 8;

/** `correct+title`: what the first makes of the text goes to the second. Throws `OperationNotFoundError`. */
export function readChain(path: string, source: TextOperations): readonly TextOperation[] {
  // A plus in a path is a plus; some clients send what they take for a blank.
  const names = path.split(/[+ ,]/).filter((name) => name !== '');
  const { operations, problems } = source.list();
  if (names.length === 0 || names.length > MAX_CHAIN) {
    throw new OperationNotFoundError(`A request names 1 to ${MAX_CHAIN} operations, such as correct+title.`);
  }
  return names.map((name) => {
    const found = operations.find((operation) => operation.name === name);
    if (found !== undefined) return found;
    const broken = problems.find(({ file }) => file === `${name}.toml`);
    if (broken !== undefined)
      throw new OperationNotFoundError(`The operation "${name}" cannot be used: ${broken.file}: ${broken.message}.`);
    const known = operations.map((operation) => operation.name);
    throw new OperationNotFoundError(`There is no operation "${name.slice(0, 64)}".${didYouMean(name, known)}`);
  });
}
