import { describeModel } from './layout.ts';
import { layerState } from './recurrent-state.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import type { GgufModel } from './types.ts';

/** Of the hidden size: what a recurrent layer's own projections come to, as if they were a feed-forward. */
const RECURRENT_WIDTH = 3;

/**
 * How wide each layer's buffers get, as the width of a feed-forward without experts that needs as much: of experts those that a token
 * uses together, or what they make for it, which is kept until it is added up.
 */
export function feedForwardLengths(model: GgufModel): readonly number[] {
  const { layerCount, embeddingLength } = describeModel(model);
  const number = (key: string): number => getArchitectureNumber(model, key) ?? 0;
  const dense = getPerLayer(model.metadata, `${model.architecture}.feed_forward_length`, layerCount) ?? [];
  const used = number('expert_used_count');
  const experts = used > 0 ? used * Math.max(number('expert_feed_forward_length'), embeddingLength / 2) : 0;
  const leading = number('leading_dense_block_count');
  // Latent attention has queries of each head in the width of the compressed keys, and as wide a result of each.
  const isLatent = number('attention.key_length_mla') > 0;
  const latent = isLatent
    ? (number('attention.head_count') * (number('attention.key_length') + number('attention.value_length'))) / 2
    : 0;
  return Array.from({ length: layerCount }, (_, layer) => {
    const own = Math.max(latent, experts > 0 && layer >= leading ? experts : (dense[layer] ?? 0));
    return layerState(model, layer).bytesPerSequence > 0 ? Math.max(own, RECURRENT_WIDTH * embeddingLength) : own;
  });
}
