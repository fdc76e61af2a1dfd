import type { ModelService, ServedModel } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';

/** The model a request names, or the only one there is. Throws `ModelNotFoundError`, or an `InvalidRequestError` when it must name one. */
export function findModel(models: ModelService, name: string | null | undefined): ServedModel {
  if (name !== null && name !== undefined) return models.get(name);
  const all = models.list();
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const available = all.length === 0 ? 'none' : all.map((model) => model.name).join(', ');
  throw new InvalidRequestError(`Missing required parameter: 'model'. Available: ${available}.`, {
    param: 'model',
    reason: 'missing_required_parameter',
  });
}
