import { layerCount } from '../layout.ts';
import { getArchitectureNumber } from '../metadata.ts';
import type { ArchitectureRule, GgufModel } from '../types.ts';
import { wholePeriods } from './windowed.ts';

const DEFAULT_PERIOD = 6;
/** llama.cpp knows the 27B model by its layer count alone, and scales its attention by another width. */
const LAYERS_OF_27B = 62;

export const gemma3: ArchitectureRule = {
  architecture: 'gemma3',
  cuts: (model) => (scalesByLayerCount(model) ? [] : wholePeriods(model, DEFAULT_PERIOD)),
  metadata: () => new Map(),
};

function scalesByLayerCount(model: GgufModel): boolean {
  return layerCount(model) >= LAYERS_OF_27B && Math.floor(width(model) / heads(model)) !== headWidth(model);
}

const width = (model: GgufModel): number => getArchitectureNumber(model, 'embedding_length') ?? 0;
const heads = (model: GgufModel): number => getArchitectureNumber(model, 'attention.head_count') ?? 1;
const headWidth = (model: GgufModel): number =>
  getArchitectureNumber(model, 'attention.key_length') ?? Math.floor(width(model) / heads(model));
