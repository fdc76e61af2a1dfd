import { stageWorkingBytes } from '@pippa/core';
import { attentionMasks, kvBytesPerToken, type CacheTypes } from './context-bytes.ts';
import { roundUp } from './encode.ts';
import { describeModel, hasTiedHead } from './layout.ts';
import { feedForwardLengths } from './feed-forward.ts';
import { standInBytes } from './stand-ins.ts';
import type { GgufModel } from './types.ts';

/** Cells of a windowed cache come in multiples of this (llama-kv-cache-iswa.cpp). */
const WINDOW_CELL_STEP = 256;

/** A stage of layers `[from, to)` and how it is run. */
export interface StageShape extends CacheTypes {
  readonly from: number;
  readonly to: number;
  /** Cells of the cache, shared by all sequences. */
  readonly contextCells: number;
  /** 1 when left out. */
  readonly parallelSequences?: number;
  /** Rows of the largest step. */
  readonly maxRows: number;
  /** Windowed layers keep everything (for prefix reuse); true when left out, as the engine does. */
  readonly fullSlidingWindow?: boolean;
}

/** Bytes. `compute`: `stageWorkingBytes`. */
export interface MemoryEstimate {
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
}

export function memoryEstimate(model: GgufModel, stage: StageShape): MemoryEstimate {
  const layout = describeModel(model);
  const isFirst = stage.from === 0;
  const isLast = stage.to === layout.layerCount;
  const sequences = stage.parallelSequences ?? 1;
  let weights = layout.otherBytes + (isFirst ? layout.inputBytes : 0) + (isLast ? layout.outputBytes : 0);
  // A whole model with a tied head holds the embedding once.
  if (isFirst && isLast && hasTiedHead(model)) weights -= layout.inputBytes;
  if (!(isFirst && isLast)) weights += standInBytes(model)[isFirst ? 'first' : isLast ? 'last' : 'middle'];
  let context = 0;
  for (let layer = stage.from; layer < stage.to; layer += 1) {
    weights += layout.layerBytes[layer] ?? 0;
    const { perToken, windowTokens, perSequence } = kvBytesPerToken(model, layer, stage);
    const isFull = windowTokens === undefined || (stage.fullSlidingWindow ?? true);
    const windowCells = roundUp((windowTokens ?? 0) * sequences + stage.maxRows, WINDOW_CELL_STEP);
    const cells = isFull ? stage.contextCells : Math.min(stage.contextCells, windowCells);
    context += perToken * cells + perSequence * sequences;
  }
  const compute = stageWorkingBytes({
    isFirst,
    isLast,
    maxRows: stage.maxRows,
    contextCells: stage.contextCells,
    parallelSequences: sequences,
    embeddingLength: layout.embeddingLength,
    feedForwardLength: Math.max(0, ...feedForwardLengths(model).slice(stage.from, stage.to)),
    attentionMasks: attentionMasks(model),
    vocabularySize: layout.vocabularySize,
  });
  return { weights, context, compute };
}
