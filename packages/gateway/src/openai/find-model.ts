import { ModelNotFoundError } from '@pippa/core';
import type { ModelService, ServedModel } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';

/** The tag of a model that was named without one, as Ollama spells it. */
const DEFAULT_TAG = ':latest';

/** The model a request names, or the only one there is. Throws `ModelNotFoundError`, or an `InvalidRequestError` when it must name one. */
export function findModel(models: ModelService, name: string | null | undefined): ServedModel {
  if (name !== null && name !== undefined) return namedModel(models, name);
  const all = models.list();
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const available = all.length === 0 ? 'none' : all.map((model) => model.name).join(', ');
  throw new InvalidRequestError(`Missing required parameter: 'model'. Available: ${available}.`, {
    param: 'model',
    reason: 'missing_required_parameter',
  });
}

/**
 * The model of this name; else, without regard to case, the one that differs only in the tag `:latest`, or the only one whose name
 * without its tag this is. Throws `ModelNotFoundError`.
 */
export function namedModel(models: ModelService, name: string): ServedModel {
  try {
    return models.get(name);
  } catch (error) {
    if (!(error instanceof ModelNotFoundError)) throw error;
    const alike = alikeNames(models, name);
    const [only] = alike;
    // Asked for by its own name, so that a model which is loading says so.
    if (only !== undefined && alike.length === 1) return models.get(only);
    throw error;
  }
}

function alikeNames(models: ModelService, name: string): readonly string[] {
  const wanted = withoutDefaultTag(name.toLowerCase());
  const names = models.list().map((model) => model.name);
  const same = names.filter((one) => withoutDefaultTag(one.toLowerCase()) === wanted);
  if (same.length > 0) return same;
  const bare = withoutDefaultTag(name);
  if (bare !== name && isKnown(models, bare)) return [bare];
  return wanted.includes(':') ? [] : names.filter((one) => one.toLowerCase().replace(/:[^:/]*$/, '') === wanted);
}

/** Models that are not ready are in no list, but known by name. */
function isKnown(models: ModelService, name: string): boolean {
  try {
    models.get(name);
    return true;
  } catch (error) {
    return !(error instanceof ModelNotFoundError);
  }
}

const withoutDefaultTag = (name: string): string => (name.endsWith(DEFAULT_TAG) ? name.slice(0, -DEFAULT_TAG.length) : name);
