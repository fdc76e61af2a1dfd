import { ModelNotHereError } from '../errors.ts';
import type { Library } from '../library/library.ts';

export function notHere(name: string, library: Library): ModelNotHereError {
  const names = library.models().map((model) => model.name);
  return new ModelNotHereError(`Neither this node nor one that can be reached has the model ${name}.`, {
    hint: `Models here: ${names.length === 0 ? 'none' : names.join(', ')}. Start a node that has it, or get it with pippa-agent pull.`,
  });
}
