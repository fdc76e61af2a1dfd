import type { ManifestLayer, ModelId, ModelManifest } from '@pippa/core';
import { architectureRule } from './architectures.ts';
import { attentionMasks, kvBytesPerToken } from './context-bytes.ts';
import { NotSplittableError } from './errors.ts';
import { feedForwardLengths } from './feed-forward.ts';
import { describeModel, hasTiedHead, tensorLayer, trunkLayerCount } from './layout.ts';
import { getArchitectureNumber } from './metadata.ts';
import { standInBytes } from './stand-ins.ts';
import type { GgufModel } from './types.ts';

/** Weights of all experts of a layer side by side: `blk.3.ffn_up_exps.weight`. */
const EXPERTS = /^blk\.\d+\..*_exps\./;

/** What placing the model needs to know of it. Throws `CorruptGgufError` like `describeModel`. */
export function manifestOf(model: GgufModel, identity: { readonly name: string; readonly id: ModelId }): ModelManifest {
  const layout = describeModel(model);
  const feedForward = feedForwardLengths(model);
  const layers = layout.layerBytes.map((weightBytes, layer): ManifestLayer => {
    const { perToken, perSequence } = kvBytesPerToken(model, layer);
    return {
      weightBytes,
      contextBytesPerToken: perToken,
      contextBytesPerSequence: perSequence,
      feedForwardLength: feedForward[layer] ?? 0,
    };
  });
  return {
    ...identity,
    architecture: layout.architecture,
    quantisation: layout.quantisation,
    parameterCount: layout.parameterCount,
    activeParameterCount: activeParameterCount(model),
    fileBytes: model.files.reduce((sum, file) => sum + file.byteLength, 0),
    embeddingLength: layout.embeddingLength,
    vocabularySize: layout.vocabularySize,
    contextLength: layout.contextLength,
    layers,
    inputBytes: layout.inputBytes,
    outputBytes: layout.outputBytes,
    tiedHead: hasTiedHead(model),
    attentionMasks: attentionMasks(model),
    otherBytes: layout.otherBytes,
    standInBytes: standInBytes(model),
    cuts: allowedCuts(model),
  };
}

/** As model names count it (`30B-A3B`): embeddings and head in full, of the experts those that a token is routed to. */
function activeParameterCount(model: GgufModel): number {
  const experts = getArchitectureNumber(model, 'expert_count') ?? 0;
  const used = Math.min(experts, getArchitectureNumber(model, 'expert_used_count') ?? experts);
  const usedShare = experts > 0 ? used / experts : 1;
  const trunkLayers = trunkLayerCount(model);
  let count = 0;
  for (const { name, dimensions } of model.tensors) {
    // Layers that predict further tokens stay idle.
    if ((tensorLayer(name) ?? 0) >= trunkLayers) continue;
    const parameters = dimensions.reduce((product, dimension) => product * dimension, 1);
    count += EXPERTS.test(name) ? parameters * usedShare : parameters;
  }
  return Math.round(count);
}

/** None for an architecture that is not known for cutting: such a model runs whole. */
function allowedCuts(model: GgufModel): readonly number[] {
  try {
    return architectureRule(model).cuts(model);
  } catch (error) {
    if (error instanceof NotSplittableError) return [];
    throw error;
  }
}
