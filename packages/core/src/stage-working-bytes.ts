import { MIB } from './units.ts';

const F32_BYTES = 4;
const F16_BYTES = 2;
/** Buffers of a layer that are alive at once, as multiples of its feed-forward's width and of the hidden size. */
const FEED_FORWARD_BUFFERS = 4;
const HIDDEN_BUFFERS = 2;
/** Besides a row a sequence, the engine keeps one for the slot through which parts of others come and go. */
const SCRATCH_ROWS = 1;
/**
 * The thread of a stage has a JavaScript heap and stacks of its own, what C allocates in it lies apart, and hidden states come and go in it:
 * `npm run bench -- memory`.
 */
const THREAD_BYTES = 32 * MIB;

/** Most that a stage keeps in memory of what it sent on: 8000 positions of a model of 2048 values a position. */
export const JOURNAL_MEMORY_BYTES = 64 * MIB;

export interface StageWork {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Rows of the largest step. */
  readonly maxRows: number;
  /** Cells of the cache, shared by all sequences. */
  readonly contextCells: number;
  readonly parallelSequences: number;
  readonly embeddingLength: number;
  /** Of the widest layer: `ManifestLayer.feedForwardLength`. */
  readonly feedForwardLength: number;
  /** Kinds of attention, of which each has a mask: to everything, to a window. */
  readonly attentionMasks: number;
  readonly vocabularySize: number;
}

/** Bytes. */
export interface StageWorkingBytes {
  /** The engine's compute buffer, as far as it is written to. */
  readonly buffer: number;
  /** The engine's buffer of outputs. */
  readonly logits: number;
  /** What the stage keeps of what it sent on. */
  readonly journal: number;
  readonly thread: number;
}

/** What a stage takes besides weights and cache. `buffer` is a bound: what the engine's log says is some per cent less. */
export function stageWorkingParts(work: StageWork): StageWorkingBytes {
  const { isFirst, isLast, maxRows, contextCells, embeddingLength, vocabularySize } = work;
  const row = FEED_FORWARD_BUFFERS * work.feedForwardLength + HIDDEN_BUFFERS * embeddingLength;
  const layers = F32_BYTES * maxRows * row + F16_BYTES * maxRows * contextCells * work.attentionMasks;
  const sampledRows = Math.min(maxRows, work.parallelSequences + SCRATCH_ROWS);
  const head = isLast ? F32_BYTES * sampledRows * (vocabularySize + HIDDEN_BUFFERS * embeddingLength) : 0;
  // A first stage has the vocabulary, too; all rows of a step count as sampled, or the engine would drop them before they are handed on.
  const logitRows = isLast ? sampledRows : isFirst ? maxRows : 0;
  return {
    buffer: Math.max(layers, head),
    logits: F32_BYTES * logitRows * vocabularySize,
    journal: isLast ? 0 : Math.min(JOURNAL_MEMORY_BYTES, F32_BYTES * contextCells * embeddingLength),
    thread: THREAD_BYTES,
  };
}

/** The sum of `stageWorkingParts`. */
export function stageWorkingBytes(work: StageWork): number {
  const { buffer, logits, journal, thread } = stageWorkingParts(work);
  return buffer + logits + journal + thread;
}
