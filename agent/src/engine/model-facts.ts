import type { ModelFacts } from '@pippa/core';
import { getString, modelFingerprint, type GgufModel, type ModelLayout } from '@pippa/gguf';

/** What clients may want to know of a model, from its header. */
export async function modelFacts(model: GgufModel, layout: ModelLayout): Promise<ModelFacts> {
  const license = getString(model.metadata, 'general.license');
  return {
    id: await modelFingerprint(model),
    quantisation: layout.quantisation,
    layerCount: layout.layerCount,
    embeddingLength: layout.embeddingLength,
    vocabularySize: layout.vocabularySize,
    trainedContextTokens: layout.contextLength,
    ...(license === undefined ? {} : { license }),
  };
}
