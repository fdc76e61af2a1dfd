import { uint32 } from '../encode.ts';
import { layerCount } from '../layout.ts';
import { getArchitectureNumber } from '../metadata.ts';
import type { GgufModel, GgufValue } from '../types.ts';

/** Layers at the end that only predict further tokens: counted as layers, never run. */
const nextTokenLayers = (model: GgufModel): number => getArchitectureNumber(model, 'nextn_predict_layers') ?? 0;

/** Layers that run: a cut behind them would leave a stage with nothing to do. */
export const runningLayers = (model: GgufModel): number => layerCount(model) - nextTokenLayers(model);

/** Only the last shard holds such layers. */
export function nextTokenMetadata(model: GgufModel, to: number): Map<string, GgufValue | undefined> {
  if (nextTokenLayers(model) === 0 || to === layerCount(model)) return new Map();
  return new Map([[`${model.architecture}.nextn_predict_layers`, uint32(0)]]);
}
