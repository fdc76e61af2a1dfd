import type { ModelService, ServedModel } from '@pippa/core';
import { findModel } from '../openai/find-model.ts';

/** The model named, or the first that writes: what the agent was started for comes first. Throws as `findModel`. */
export async function textModel(models: ModelService, name: string | undefined): Promise<ServedModel> {
  if (name !== undefined) return findModel(models, name);
  for (const model of models.list()) {
    if ((await model.capabilities?.())?.embeddingOnly !== true) return model;
  }
  return findModel(models, undefined);
}
