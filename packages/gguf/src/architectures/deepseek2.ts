import { isArray, uint32 } from '../encode.ts';
import { getArchitectureNumber } from '../metadata.ts';
import type { ArchitectureRule, GgufModel } from '../types.ts';
import { nextTokenMetadata, runningLayers } from './next-token-layers.ts';
import { multiplesOf } from './uniform.ts';

/** Layer counts by which llama.cpp knows a model without compressed queries; 48 only with one vocabulary. */
const LITE_LAYERS: readonly number[] = [26, 27];
const LITE_LAYERS_BY_VOCABULARY = { layers: 48, vocabulary: 128_256 } as const;
/** Layer counts by which it knows a sigmoid router where the file names none, with this vocabulary. */
const SIGMOID = { layers: [47, 48], vocabulary: 154_880, gating: 2 } as const;
const SOFTMAX_GATING = 1;

export const deepseek2: ArchitectureRule = {
  architecture: 'deepseek2',
  cuts: (model) => {
    const layers = runningLayers(model);
    // A shard of a full model must not have a lite model's layer count: the finest even raster that has none.
    for (let step = 1; step < layers; step += 1) {
      const cuts = multiplesOf(step, layers);
      if (isLite(model) || !hasLiteRange(model, [0, ...cuts, layers])) return cuts;
    }
    return [];
  },
  metadata: (model, _from, to) => {
    const metadata = nextTokenMetadata(model, to);
    if (isLite(model)) metadata.set('deepseek2.attention.q_lora_rank', uint32(0));
    if ((getArchitectureNumber(model, 'expert_gating_func') ?? 0) === 0) {
      metadata.set('deepseek2.expert_gating_func', uint32(gating(model)));
    }
    return metadata;
  },
};

function isLite(model: GgufModel): boolean {
  const layers = runningLayers(model);
  const { layers: other, vocabulary } = LITE_LAYERS_BY_VOCABULARY;
  return LITE_LAYERS.includes(layers) || (layers === other && vocabularySize(model) === vocabulary);
}

function hasLiteRange(model: GgufModel, boundaries: readonly number[]): boolean {
  const { layers: other, vocabulary } = LITE_LAYERS_BY_VOCABULARY;
  const counts = vocabularySize(model) === vocabulary ? [...LITE_LAYERS, other] : LITE_LAYERS;
  return boundaries.some((from) => counts.some((layers) => boundaries.includes(from + layers)));
}

function gating(model: GgufModel): number {
  const isSigmoid =
    SIGMOID.layers.some((layers) => layers === runningLayers(model)) && vocabularySize(model) === SIGMOID.vocabulary;
  return isSigmoid ? SIGMOID.gating : SOFTMAX_GATING;
}

function vocabularySize(model: GgufModel): number | undefined {
  const tokens = model.metadata.get('tokenizer.ggml.tokens');
  return getArchitectureNumber(model, 'vocab_size') ?? (tokens !== undefined && isArray(tokens) ? tokens.length : undefined);
}
