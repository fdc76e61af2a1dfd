import { CorruptGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';
import { getArchitectureNumber, getPerLayer, getString, getUnsigned } from './metadata.ts';
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

export function describeModel(model: GgufModel): ModelLayout {
  const layers = layerCount(model);
  const layerBytes = new Array<number>(layers).fill(0);
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
  if (!model.tensors.some((tensor) => tensor.name === 'output.weight')) outputBytes += inputBytes;
  const vocabulary = model.metadata.get('tokenizer.ggml.tokens');
  return {
    architecture: model.architecture,
    name: getString(model.metadata, 'general.name'),
    quantisation: quantisationName(model),
    layerCount: layers,
    embeddingLength: getArchitectureNumber(model, 'embedding_length') ?? 0,
    vocabularySize: vocabulary !== undefined && isArray(vocabulary) ? vocabulary.length : (getArchitectureNumber(model, 'vocab_size') ?? 0),
    contextLength: getArchitectureNumber(model, 'context_length') ?? 0,
    parameterCount,
    layerBytes,
    inputBytes,
    outputBytes,
    otherBytes,
    totalBytes: model.tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0),
  };
}

/** Names of `general.file_type` (llama.h `llama_ftype`). */
const FILE_TYPES: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  19: 'IQ2_XXS',
  20: 'IQ2_XS',
  21: 'Q2_K_S',
  22: 'IQ3_XS',
  23: 'IQ3_XXS',
  24: 'IQ1_S',
  25: 'IQ4_NL',
  26: 'IQ3_S',
  27: 'IQ3_M',
  28: 'IQ2_S',
  29: 'IQ2_M',
  30: 'IQ4_XS',
  31: 'IQ1_M',
  32: 'BF16',
  36: 'TQ1_0',
  37: 'TQ2_0',
  38: 'MXFP4',
};

export function quantisationName(model: GgufModel): string {
  const fileType = getUnsigned(model.metadata, 'general.file_type');
  return fileType === undefined ? 'unknown' : (FILE_TYPES[fileType] ?? `type ${fileType}`);
}

/** Bytes of an f16 cache element; the KV cache's default type. */
const F16_BYTES = 2;

/**
 * KV bytes one token takes in `layer`, f16. Full-size for sliding-window layers, as the engine keeps them for prefix reuse; layers
 * with recurrent state count as attention, which is an upper bound.
 */
export function kvBytesPerToken(model: GgufModel, layer: number): number {
  const layers = layerCount(model);
  const heads = getPerLayer(model.metadata, `${model.architecture}.attention.head_count`, layers)?.[layer] ?? 0;
  const kvHeads = getPerLayer(model.metadata, `${model.architecture}.attention.head_count_kv`, layers)?.[layer] ?? heads;
  const headLength = heads === 0 ? 0 : (getArchitectureNumber(model, 'embedding_length') ?? 0) / Math.max(1, heads);
  const latent = getArchitectureNumber(model, 'attention.kv_lora_rank');
  const latentKey = getArchitectureNumber(model, 'attention.key_length_mla');
  if (latent !== undefined && latentKey !== undefined) return (latent + (getArchitectureNumber(model, 'rope.dimension_count') ?? 0)) * F16_BYTES;
  const keyLength = getArchitectureNumber(model, 'attention.key_length') ?? headLength;
  const valueLength = getArchitectureNumber(model, 'attention.value_length') ?? headLength;
  return kvHeads * (keyLength + valueLength) * F16_BYTES;
}

/** What a stage of layers `[from, to)` needs. `compute` is a bound, a little above what the engine reports. */
export function memoryEstimate(
  model: GgufModel,
  stage: { readonly from: number; readonly to: number; readonly contextCells: number; readonly maxRows: number },
): { readonly weights: number; readonly context: number; readonly compute: number } {
  const layout = describeModel(model);
  const isLast = stage.to === layout.layerCount;
  let weights = layout.otherBytes + (stage.from === 0 ? layout.inputBytes : 0) + (isLast ? layout.outputBytes : 0);
  if (stage.from === 0 && isLast && !model.tensors.some((tensor) => tensor.name === 'output.weight')) weights -= layout.inputBytes;
  let context = 0;
  for (let layer = stage.from; layer < stage.to; layer += 1) {
    weights += layout.layerBytes[layer] ?? 0;
    context += kvBytesPerToken(model, layer) * stage.contextCells;
  }
  const feedForward = getPerLayer(model.metadata, `${model.architecture}.feed_forward_length`, layout.layerCount)?.[stage.from] ?? 0;
  const widestRow = 8 * layout.embeddingLength + 3 * feedForward;
  const headRows = isLast ? Math.min(stage.maxRows, 64) : stage.from === 0 ? stage.maxRows : 0;
  return { weights, context, compute: 4 * (stage.maxRows * widestRow + 2 * headRows * layout.vocabularySize) };
}
