import { modelId } from '@pippa/core';
import { z } from 'zod';
import { MODELS_LIMITS } from './limits.ts';

const size = z.int().min(0);

/** 64 hexadecimal digits. */
export const modelIdField = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform(modelId);

/** A `ModelManifest` of core, bounded. */
export const manifestSchema = z.object({
  id: modelIdField,
  name: z.string().min(1).max(MODELS_LIMITS.nameCharacters),
  architecture: z.string().min(1).max(255),
  quantisation: z.string().max(64),
  parameterCount: size,
  activeParameterCount: size,
  fileBytes: size,
  embeddingLength: size,
  vocabularySize: size,
  contextLength: size,
  layers: z
    .array(
      z.object({
        weightBytes: size,
        contextBytesPerToken: size,
        contextBytesPerSequence: size,
        feedForwardLength: size,
      }),
    )
    .max(MODELS_LIMITS.layers),
  inputBytes: size,
  outputBytes: size,
  tiedHead: z.boolean(),
  attentionMasks: size.max(2).default(1),
  otherBytes: size,
  standInBytes: z.object({ first: size, middle: size, last: size }),
  cuts: z.array(size).max(MODELS_LIMITS.layers),
});
