import { hasAttentionCache, indexerKeyLength } from './attention-cache.ts';
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

/**
 * What llama.cpp allocates for a layer's cache (`llama_model::create_memory`, `llama_kv_cache`). Throws `UnsupportedGgufError` for a
 * cache type that does not exist, `CorruptGgufError` for metadata of the wrong type.
 */
export function kvBytesPerToken(model: GgufModel, layer: number, types: CacheTypes = {}): LayerContextBytes {
  const { hasAttention, bytesPerSequence } = layerState(model, layer);
  const windowTokens = slidingWindowTokens(model, layer);
  const perToken =
    hasAttention && hasAttentionCache(model, layer) ? attentionBytes(model, layer, windowTokens !== undefined, types) : 0;
  return { perToken, windowTokens, perSequence: bytesPerSequence };
}

/** Kinds of attention among the layers: to everything, to a window. The engine makes a mask of each. */
export function attentionMasks(model: GgufModel): number {
  const kinds = new Set<boolean>();
  for (let layer = 0; layer < layerCount(model); layer += 1) {
    if (layerState(model, layer).hasAttention) kinds.add(slidingWindowTokens(model, layer) !== undefined);
  }
  return kinds.size;
}

function attentionBytes(model: GgufModel, layer: number, isWindowed: boolean, types: CacheTypes): number {
  const number = (key: string): number | undefined => getArchitectureNumber(model, key);
  const perLayer = (key: string): readonly number[] | undefined =>
    getPerLayer(model.metadata, `${model.architecture}.${key}`, layerCount(model));
  const headCounts = perLayer('attention.head_count');
  const kvHeads = (perLayer('attention.head_count_kv') ?? headCounts)?.[layer] ?? 0;
  // llama.cpp derives the head's width from the first layer's head count.
  const firstHeads = headCounts?.[0] ?? 0;
  const derived = firstHeads === 0 ? 0 : Math.floor((number('embedding_length') ?? 0) / firstHeads);
  const headLength = (key: string): number => (isWindowed ? number(`${key}_swa`) : undefined) ?? number(key) ?? derived;
  // Latent attention keeps one compressed key a token (its length is the latent's and the rotary part's), and the value is a part of
  // it. Old conversions lack these keys: full heads.
  const isLatent = (number('attention.key_length_mla') ?? 0) > 0 && (number('attention.value_length_mla') ?? 0) > 0;
  const valueLength = isLatent ? 0 : headLength('attention.value_length');
  const indexer = indexerKeyLength(model, layer);
  const keys = rowBytes(types.keyType, kvHeads * headLength('attention.key_length')) + rowBytes(types.keyType, indexer);
  const values = rowBytes(types.valueType, kvHeads * valueLength) + (indexer > 0 ? rowBytes(types.valueType, valueLength) : 0);
  // A looped model passes through its layers several times and keeps each pass.
  return (keys + values) * (number('num_loops') ?? 1);
}

function rowBytes(typeName: string | undefined, elements: number): number {
  const { blockBytes, blockElements } = tensorType(tensorTypeNumber(typeName ?? 'f16'));
  return Math.ceil(elements / blockElements) * blockBytes;
}
