import { GIB, modelId, peerId, type LinkTier, type ManifestLayer, type ModelManifest, type PeerId } from '@pippa/core';
import type { PlannerNode, Wish } from '../../src/index.ts';

export interface ImaginedNode {
  readonly name: string;
  readonly budgetGb: number;
  readonly freeGb?: number;
  /** Gigabytes a second. */
  readonly bandwidth?: number;
  readonly tier?: LinkTier;
  readonly power?: PlannerNode['power'];
}

export function imaginedNode(node: ImaginedNode): PlannerNode {
  const { name, budgetGb, freeGb = budgetGb, bandwidth = 400, tier = 2, power = 'mains' } = node;
  return {
    peer: peerId(name),
    name,
    budgetBytes: budgetGb * GIB,
    freeBytes: freeGb * GIB,
    memoryBandwidth: bandwidth * 1e9,
    computeRate: bandwidth * 40e9,
    link: { tier, interfaceType: tier === 3 ? 'wifi' : 'unknown', roundTripMs: { p50: 0, p99: 0 }, throughput: 0 },
    power,
    load: 0,
    models: [],
  };
}

export interface ImaginedModel {
  readonly layers: number;
  /** All layers together. */
  readonly gigabytes: number;
  readonly embeddingLength?: number;
  readonly vocabularySize?: number;
  readonly activeShare?: number;
  readonly cuts?: readonly number[];
  readonly layer?: (index: number) => Partial<ManifestLayer>;
}

export function imaginedModel(model: ImaginedModel): ModelManifest {
  const { layers, gigabytes, embeddingLength = 8192, vocabularySize = 128_000, activeShare = 1 } = model;
  const embedding = vocabularySize * embeddingLength;
  const parameters = 2 * gigabytes * GIB;
  return {
    id: modelId('a'.repeat(64)),
    name: 'imagined:Q4_K_M',
    architecture: 'llama',
    quantisation: 'Q4_K_M',
    parameterCount: parameters + 2 * embedding,
    activeParameterCount: parameters * activeShare + 2 * embedding,
    fileBytes: gigabytes * GIB + embedding,
    embeddingLength,
    vocabularySize,
    contextLength: 131_072,
    layers: Array.from({ length: layers }, (_, index) => ({
      weightBytes: (gigabytes * GIB) / layers,
      contextBytesPerToken: 4096,
      contextBytesPerSequence: 0,
      feedForwardLength: 4 * embeddingLength,
      ...model.layer?.(index),
    })),
    inputBytes: embedding / 2,
    outputBytes: embedding / 2,
    tiedHead: false,
    attentionMasks: 1,
    otherBytes: 1000,
    standInBytes: { first: 0, middle: 0, last: 0 },
    cuts: model.cuts ?? Array.from({ length: layers - 1 }, (_, index) => index + 1),
  };
}

export function wishOf(wish: Partial<Wish> = {}): Wish {
  return { contextTokens: 8192, parallelSequences: 4, maxRows: 256, lane: 'interactive', strategy: 'speed', ...wish };
}

export const peers = (...names: readonly string[]): PeerId[] => names.map(peerId);
