import { isArray } from './encode.ts';
import { layerCount, trunkLayerCount } from './layout.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import type { GgufModel } from './types.ts';

/** Architectures that read the whole text at once and keep nothing of it. */
const WITHOUT_CACHE: ReadonlySet<string> = new Set([
  'bert',
  'dream',
  'eurobert',
  'gemma-embedding',
  'jina-bert-v2',
  'jina-bert-v3',
  'llada',
  'llada-moe',
  'modern-bert',
  'neo-bert',
  'nomic-bert',
  'nomic-bert-moe',
  'rnd1',
  'wavtokenizer-dec',
]);

/** Architectures whose context leaves out the layers that predict further tokens; the others give these a cache that nothing uses. */
const TRUNK_ONLY: ReadonlySet<string> = new Set([
  'deepseek32',
  'dots3note',
  'glm-dsa',
  'hy_v3',
  'mimo2',
  'minimax-01',
  'qwen35',
  'qwen35moe',
  'qwen3next',
  'qwen4exp',
  'step35',
]);

/** gemma3n does not say so in its header: the layers from here on read the cache of earlier ones. */
const GEMMA3N_CACHED_LAYERS = 20;

/** Whether an attention layer has keys and values of its own. */
export function hasAttentionCache(model: GgufModel, layer: number): boolean {
  const { architecture } = model;
  if (WITHOUT_CACHE.has(architecture)) return false;
  if (TRUNK_ONLY.has(architecture) && layer >= trunkLayerCount(model)) return false;
  if (architecture === 'gemma3n') return layer < GEMMA3N_CACHED_LAYERS;
  return layer < layerCount(model) - (getArchitectureNumber(model, 'attention.shared_kv_layers') ?? 0);
}

/** Sparse attention keeps a second, short key a token to choose by. Its length in elements; 0 for a layer that has none. */
export function indexerKeyLength(model: GgufModel, layer: number): number {
  return hasIndexer(model, layer) ? (getArchitectureNumber(model, 'attention.indexer.key_length') ?? 0) : 0;
}

function hasIndexer(model: GgufModel, layer: number): boolean {
  switch (model.architecture) {
    case 'deepseek32':
    case 'qwen4exp':
      return true;
    case 'minimax-m3':
      return layer >= (getArchitectureNumber(model, 'leading_dense_block_count') ?? 0);
    case 'dots3note':
    case 'glm-dsa': {
      // A header that does not list them: all, which is right up to GLM 5.1 and too much after it.
      const key = `${model.architecture}.attention.indexer.types`;
      const own = model.metadata.get(key);
      if (own === undefined || !isArray(own)) return true;
      return getPerLayer(model.metadata, key, trunkLayerCount(model))?.[layer] !== 0;
    }
    default:
      return false;
  }
}
