import { layerCount } from './layout.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import { layerState } from './recurrent-state.ts';
import { slidingWindowTokens } from './sliding-window.ts';
import { tensorType, tensorTypeNumber } from './tensor-types.ts';
import type { GgufModel } from './types.ts';

/** ggml type names (`f16`, `q8_0`) of the cache; f16 when left out. */
export interface CacheTypes {
  readonly keyType?: string;
  readonly valueType?: string;
}

/** What one layer keeps of the text so far, in bytes. */
export interface LayerContextBytes {
  readonly perToken: number;
  /** Tokens kept at most for one sequence; undefined where all are. */
  readonly windowTokens: number | undefined;
  /** Recurrent state: the same for a sequence of any length. */
  readonly perSequence: number;
}

export function kvBytesPerToken(model: GgufModel, layer: number, types: CacheTypes = {}): LayerContextBytes {
  const state = layerState(model, layer);
  const windowTokens = slidingWindowTokens(model, layer);
  const perToken =
    state.hasAttention && !sharesCache(model, layer) ? attentionBytes(model, layer, windowTokens !== undefined, types) : 0;
  return { perToken, windowTokens, perSequence: state.bytesPerSequence };
}

function attentionBytes(model: GgufModel, layer: number, isWindowed: boolean, types: CacheTypes): number {
  const perLayer = (key: string): readonly number[] | undefined =>
    getPerLayer(model.metadata, `${model.architecture}.${key}`, layerCount(model));
  const headCounts = perLayer('attention.head_count');
  const heads = headCounts?.[layer] ?? 0;
  const kvHeads = perLayer('attention.head_count_kv')?.[layer] ?? heads;
  const keyBytes = (elements: number): number => rowBytes(types.keyType, elements);
  const latent = getArchitectureNumber(model, 'attention.kv_lora_rank');
  // Latent attention keeps one compressed key a token, and the value is a part of it. Old conversions lack these keys: full heads.
  const isLatent = (getArchitectureNumber(model, 'attention.key_length_mla') ?? 0) > 0;
  if (latent !== undefined && isLatent) return keyBytes(latent + (getArchitectureNumber(model, 'rope.dimension_count') ?? 0));
  // llama.cpp derives the head's width from the first layer's head count.
  const firstHeads = headCounts?.[0] ?? 0;
  const derived = firstHeads === 0 ? 0 : Math.floor((getArchitectureNumber(model, 'embedding_length') ?? 0) / firstHeads);
  const headLength = (key: string): number => {
    const windowed = isWindowed ? getArchitectureNumber(model, `${key}_swa`) : undefined;
    return windowed ?? getArchitectureNumber(model, key) ?? derived;
  };
  return (
    keyBytes(kvHeads * headLength('attention.key_length')) +
    rowBytes(types.valueType, kvHeads * headLength('attention.value_length'))
  );
}

/** The last layers of some models read the cache of an earlier one. */
function sharesCache(model: GgufModel, layer: number): boolean {
  const shared = getArchitectureNumber(model, 'attention.shared_kv_layers') ?? 0;
  return layer >= layerCount(model) - shared;
}

function rowBytes(typeName: string | undefined, elements: number): number {
  const { blockBytes, blockElements } = tensorType(tensorTypeNumber(typeName ?? 'f16'));
  return Math.ceil(elements / blockElements) * blockBytes;
}
