import type { ModelService, ServedModel, TextEmbedder } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { findModel } from '../openai/find-model.ts';

/**
 * The model that a request names, or the only one there is, with what makes its vectors. Throws `ModelNotFoundError`, or an
 * `InvalidRequestError` when it must name one or the model makes none.
 */
export async function findEmbedder(
  models: ModelService,
  name: string | null | undefined,
): Promise<{ readonly model: ServedModel; readonly embedder: TextEmbedder }> {
  const model = findModel(models, name);
  if (model.embedder === undefined) {
    throw new InvalidRequestError(`The model "${model.name}" makes no vectors.`, {
      param: 'model',
      reason: 'unsupported_model',
    });
  }
  return { model, embedder: await model.embedder() };
}
