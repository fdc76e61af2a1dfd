import { stageWorkingBytes, type ModelManifest } from '@pippa/core';
import { SPEED_MODEL } from './policy.ts';
import { RangeMaximum } from './range-maximum.ts';
import type { StageMemory, Wish } from './types.ts';

type Shape = Pick<Wish, 'contextTokens' | 'parallelSequences' | 'maxRows'>;

/** What any layer range of one model costs, each answer in constant time. Memory is what `memoryEstimate` of `gguf` says. */
export class ModelCosts {
  readonly manifest: ModelManifest;
  readonly layerCount: number;
  /** `[0, ...cuts, layers]` */
  readonly boundaries: readonly number[];
  /** Share of a layer's weights that one token uses. */
  readonly activeShare: number;
  readonly #shape: Shape;
  readonly #weights: Float64Array;
  readonly #contextPerToken: Float64Array;
  readonly #contextPerSequence: Float64Array;
  readonly #feedForward: RangeMaximum;
  readonly #layerParameters: number;

  constructor(manifest: ModelManifest, shape: Shape) {
    const { layers } = manifest;
    this.manifest = manifest;
    this.layerCount = layers.length;
    const cuts = new Set(manifest.cuts.filter((cut) => cut > 0 && cut < layers.length));
    this.boundaries = [0, ...[...cuts].sort((a, b) => a - b), layers.length];
    this.#shape = shape;
    this.#weights = sums(layers.map((layer) => layer.weightBytes));
    this.#contextPerToken = sums(layers.map((layer) => layer.contextBytesPerToken));
    this.#contextPerSequence = sums(layers.map((layer) => layer.contextBytesPerSequence));
    this.#feedForward = new RangeMaximum(layers.map((layer) => layer.feedForwardLength));
    const outside = manifest.vocabularySize * manifest.embeddingLength * (manifest.tiedHead ? 1 : 2);
    this.#layerParameters = Math.max(0, manifest.parameterCount - outside);
    const active = Math.max(0, manifest.activeParameterCount - outside);
    this.activeShare = this.#layerParameters > 0 && active > 0 ? Math.min(1, active / this.#layerParameters) : 1;
  }

  /** Bytes of the stage `[from, to)`. */
  memory(from: number, to: number): StageMemory {
    const { manifest, layerCount } = this;
    const { contextTokens, parallelSequences, maxRows } = this.#shape;
    const isFirst = from === 0;
    const isLast = to === layerCount;
    let weights = manifest.otherBytes + this.weightBytes(from, to);
    if (isFirst) weights += manifest.inputBytes;
    if (isLast) weights += manifest.outputBytes;
    if (!(isFirst && isLast)) weights += manifest.standInBytes[isFirst ? 'first' : isLast ? 'last' : 'middle'];
    // A whole model with a tied head holds the embedding once.
    if (isFirst && isLast && manifest.tiedHead) weights -= manifest.inputBytes;
    const context =
      between(this.#contextPerToken, from, to) * contextTokens * parallelSequences +
      between(this.#contextPerSequence, from, to) * parallelSequences;
    const compute = stageWorkingBytes({
      isFirst,
      isLast,
      maxRows,
      contextCells: contextTokens * parallelSequences,
      parallelSequences,
      embeddingLength: manifest.embeddingLength,
      feedForwardLength: this.#feedForward.of(from, to),
      attentionMasks: manifest.attentionMasks,
      vocabularySize: manifest.vocabularySize,
    });
    return { weights, context, compute, total: weights + context + compute };
  }

  memoryBytes(from: number, to: number): number {
    return this.memory(from, to).total;
  }

  /** Weights of the layers alone. */
  weightBytes(from: number, to: number): number {
    return between(this.#weights, from, to);
  }

  /** What the layers read from memory for a step of `rows` tokens: the weights that any of them uses, and the text before each. */
  bytesRead(from: number, to: number, rows: number): number {
    const text = Math.min(this.#shape.contextTokens, SPEED_MODEL.textTokens);
    // Tokens are routed to experts independently of each other.
    const used = 1 - (1 - this.activeShare) ** rows;
    return (
      used * this.weightBytes(from, to) +
      rows * (between(this.#contextPerToken, from, to) * text + between(this.#contextPerSequence, from, to))
    );
  }

  /** What the head reads for one token, on the last stage. */
  get headBytes(): number {
    return this.manifest.outputBytes;
  }

  /** Parameters of the layers that one token uses. */
  activeParameters(from: number, to: number): number {
    const all = this.weightBytes(0, this.layerCount);
    return all > 0 ? (this.weightBytes(from, to) / all) * this.#layerParameters * this.activeShare : 0;
  }

  /** What travels between two stages for one token. */
  get boundaryBytes(): number {
    return this.manifest.embeddingLength * SPEED_MODEL.activationBytes;
  }
}

function sums(values: readonly number[]): Float64Array {
  const result = new Float64Array(values.length + 1);
  values.forEach((value, index) => (result[index + 1] = (result[index] ?? 0) + value));
  return result;
}

function between(prefix: Float64Array, from: number, to: number): number {
  return (prefix[to] ?? 0) - (prefix[from] ?? 0);
}
