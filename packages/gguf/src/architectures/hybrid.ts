import { layerState } from '../recurrent-state.ts';
import type { ArchitectureRule } from '../types.ts';
import { nextTokenMetadata, runningLayers } from './next-token-layers.ts';

/**
 * Attention and recurrent layers by turns. Every shard must have both: llama.cpp's hybrid memory is of two kinds of cache, and an interval
 * counts from the start of each shard. So cuts lie right behind an attention layer that has recurrent ones before it.
 */
export function hybrid(architecture: string, more: Partial<ArchitectureRule> = {}): ArchitectureRule {
  return {
    architecture,
    cuts: (model) => {
      const cuts: number[] = [];
      let recurrentLayers = 0;
      for (let layer = 0; layer < runningLayers(model); layer += 1) {
        if (layerState(model, layer).bytesPerSequence > 0) {
          recurrentLayers += 1;
        } else if (recurrentLayers > 0) {
          cuts.push(layer + 1);
          recurrentLayers = 0;
        }
      }
      // Behind the last of these is the end, or a rest without both kinds that stays with what is before it.
      cuts.pop();
      return cuts;
    },
    metadata: (model, _from, to) => nextTokenMetadata(model, to),
    recurrent: true,
    ...more,
  };
}
