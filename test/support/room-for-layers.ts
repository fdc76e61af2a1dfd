import { describeModel, memoryEstimate, type GgufModel, type StageShape } from '@pippa/gguf';

/** Bytes that a node needs to hold any so many layers of the model in a row. */
export function roomForLayers(model: GgufModel, layers: number, shape: Omit<StageShape, 'from' | 'to'>): number {
  const { layerCount } = describeModel(model);
  const starts = Array.from({ length: layerCount - layers + 1 }, (_, from) => from);
  const bytes = starts.map((from) => {
    const { weights, context, compute } = memoryEstimate(model, { ...shape, from, to: from + layers });
    return weights + context + compute;
  });
  return Math.max(...bytes);
}
