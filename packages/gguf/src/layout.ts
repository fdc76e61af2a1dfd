import { CorruptGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';
import { getArchitectureNumber, getString } from './metadata.ts';
import { quantisationName } from './quantisation-name.ts';
import { isArray } from './encode.ts';
import type { GgufModel } from './types.ts';

/** What planning and listing need to know of a model. Bytes are those of the tensors, without padding. */
export interface ModelLayout {
  readonly architecture: string;
  readonly name: string | undefined;
  readonly quantisation: string;
  readonly layerCount: number;
  readonly embeddingLength: number;
  readonly vocabularySize: number;
  /** Tokens that the model was trained for. */
  readonly contextLength: number;
  readonly parameterCount: number;
  /** Weights of each layer. */
  readonly layerBytes: readonly number[];
  /** Token embeddings. */
  readonly inputBytes: number;
  /** Final norm and head; the token embeddings too where the head is tied to them. */
  readonly outputBytes: number;
  /** Everything that goes along with every shard. */
  readonly otherBytes: number;
  readonly totalBytes: number;
}

/** Layer index of a tensor name `blk.<i>.<rest>`; undefined for tensors outside the layers. */
export function tensorLayer(name: string): number | undefined {
  const match = /^blk\.(\d{1,5})\./.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function layerCount(model: GgufModel): number {
  const count = getArchitectureNumber(model, 'block_count');
  if (count === undefined || count < 1 || count > GGUF_LIMITS.layers) {
    throw new CorruptGgufError(`The header gives no sensible layer count (${model.architecture}.block_count).`);
  }
  return count;
}

/** Layers that the text passes through: those that predict further tokens (multi-token prediction) come after them and stay idle. */
export function trunkLayerCount(model: GgufModel): number {
  return Math.max(0, layerCount(model) - (getArchitectureNumber(model, 'nextn_predict_layers') ?? 0));
}

export function describeModel(model: GgufModel): ModelLayout {
  const layers = layerCount(model);
  const layerBytes = Array.from({ length: layers }, () => 0);
  let inputBytes = 0;
  let outputBytes = 0;
  let otherBytes = 0;
  let parameterCount = 0;
  for (const tensor of model.tensors) {
    parameterCount += tensor.dimensions.reduce((product, dimension) => product * dimension, 1);
    const layer = tensorLayer(tensor.name);
    if (layer !== undefined && layer < layers) layerBytes[layer] = (layerBytes[layer] as number) + tensor.byteLength;
    else if (tensor.name === 'token_embd.weight') inputBytes += tensor.byteLength;
    else if (tensor.name.startsWith('output')) outputBytes += tensor.byteLength;
    else otherBytes += tensor.byteLength;
  }
  if (hasTiedHead(model)) outputBytes += inputBytes;
  const vocabulary = model.metadata.get('tokenizer.ggml.tokens');
  return {
    architecture: model.architecture,
    name: getString(model.metadata, 'general.name'),
    quantisation: quantisationName(model),
    layerCount: layers,
    embeddingLength: getArchitectureNumber(model, 'embedding_length') ?? 0,
    vocabularySize:
      vocabulary !== undefined && isArray(vocabulary) ? vocabulary.length : (getArchitectureNumber(model, 'vocab_size') ?? 0),
    contextLength: getArchitectureNumber(model, 'context_length') ?? 0,
    parameterCount,
    layerBytes,
    inputBytes,
    outputBytes,
    otherBytes,
    totalBytes: model.tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0),
  };
}

/** Whether the head is the token embedding: the last stage then needs it too. */
export function hasTiedHead(model: GgufModel): boolean {
  return !model.tensors.some((tensor) => tensor.name === 'output.weight');
}
