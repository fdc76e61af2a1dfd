import { modelId, type ModelManifest } from '@pippa/core';
import { z } from 'zod';

const size = z.int().min(1).max(1_000_000_000);
const count = z.number().min(1).max(1e14);

/** A model that nobody needs to have, by the figures of its model card. */
export const imaginedModelSchema = z
  .strictObject({
    name: z.string().min(1).max(256),
    architecture: z.string().min(1).max(64).default('llama'),
    quantisation: z.string().min(1).max(64),
    parameters: count,
    /** Of a mixture of experts; left out: all. */
    activeParameters: count.optional(),
    bitsPerWeight: z.number().min(0.5).max(32),
    layers: z.int().min(1).max(512),
    embeddingLength: size,
    feedForwardLength: size,
    kvHeads: size,
    headLength: size,
    vocabularySize: size,
    contextLength: size,
    /** The head is the token embedding. */
    tiedHead: z.boolean().default(false),
  })
  .refine(({ parameters, activeParameters = parameters }) => activeParameters <= parameters, {
    path: ['activeParameters'],
    message: 'there cannot be more than parameters',
  })
  .refine((model) => model.parameters > embeddingsOf(model), {
    path: ['parameters'],
    message: 'the embeddings alone have more',
  });

export type ImaginedModel = z.output<typeof imaginedModelSchema>;

/** Keys and values are f16, as the engine has them. */
const CACHE_BYTES = 2;

export function manifestOfImagined(model: ImaginedModel): ModelManifest {
  const bytes = (parameters: number): number => (parameters * model.bitsPerWeight) / 8;
  const embedding = bytes(model.vocabularySize * model.embeddingLength);
  return {
    id: modelId('0'.repeat(64)),
    name: model.name,
    architecture: model.architecture,
    quantisation: model.quantisation,
    parameterCount: model.parameters,
    activeParameterCount: model.activeParameters ?? model.parameters,
    fileBytes: bytes(model.parameters),
    embeddingLength: model.embeddingLength,
    vocabularySize: model.vocabularySize,
    contextLength: model.contextLength,
    layers: Array.from({ length: model.layers }, () => ({
      weightBytes: bytes(model.parameters - embeddingsOf(model)) / model.layers,
      contextBytesPerToken: 2 * model.kvHeads * model.headLength * CACHE_BYTES,
      contextBytesPerSequence: 0,
      feedForwardLength: model.feedForwardLength,
    })),
    inputBytes: embedding,
    outputBytes: embedding,
    tiedHead: model.tiedHead,
    attentionMasks: 1,
    otherBytes: 0,
    standInBytes: { first: 0, middle: 0, last: 0 },
    cuts: Array.from({ length: model.layers - 1 }, (_, index) => index + 1),
  };
}

interface Ends {
  readonly vocabularySize: number;
  readonly embeddingLength: number;
  readonly tiedHead: boolean;
}

/** Parameters of the embeddings and the head. */
function embeddingsOf({ vocabularySize, embeddingLength, tiedHead }: Ends): number {
  return vocabularySize * embeddingLength * (tiedHead ? 1 : 2);
}
