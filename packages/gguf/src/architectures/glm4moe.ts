import { arrayOf } from '../encode.ts';
import { getArchitectureNumber } from '../metadata.ts';
import type { ArchitectureRule, GgufModel, GgufValue } from '../types.ts';
import { nextTokenMetadata, runningLayers } from './next-token-layers.ts';
import { multiplesOf } from './uniform.ts';

const SECTIONS = 'glm4moe.rope.dimension_sections';

/**
 * llama.cpp takes embeddings only into the multi-axis form of this graph, which it knows by two axes that have a section. A token's
 * position is the same on all axes, so that form computes what the text form does.
 */
export const glm4moe: ArchitectureRule = {
  architecture: 'glm4moe',
  // The vision models' sections are not proven.
  cuts: (model) => (model.metadata.has(SECTIONS) ? [] : multiplesOf(1, runningLayers(model))),
  metadata: (model, from, to) => {
    const metadata = nextTokenMetadata(model, to);
    if (from > 0) metadata.set(SECTIONS, twoAxes(model));
    return metadata;
  },
  positionsPerToken: 4,
};

function twoAxes(model: GgufModel): GgufValue {
  const width = getArchitectureNumber(model, 'embedding_length') ?? 0;
  const heads = getArchitectureNumber(model, 'attention.head_count') ?? 1;
  const rotated = getArchitectureNumber(model, 'rope.dimension_count') ?? Math.floor(width / heads);
  return arrayOf('int32', [rotated / 2 - 1, 1, 0, 0]);
}
