import { float32, tensorTypeNumber, uint32, type GgufValue, type TensorShape } from '@pippa/gguf';

/** Sizes that every tiny model shares: small, and whole blocks of every quantisation. */
export const SIZES = {
  width: 64,
  heads: 4,
  kvHeads: 2,
  headWidth: 16,
  kvWidth: 32,
  feedForward: 128,
  experts: 4,
  expertsUsed: 2,
  expertFeedForward: 32,
  vocabulary: 320,
  /** Smaller than the tests' prompts, so that a layer with the wrong window shows. */
  window: 6,
} as const;

/** A tensor before its type is chosen: matrices take the model's quantisation, the rest are f32. */
export interface PlainTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly isQuantised: boolean;
}

/** What sets an architecture's file apart. */
export interface ArchitectureRecipe {
  /** Metadata below `<architecture>.`, beyond the common sizes; a later key replaces a common one. */
  metadata(layers: number): Readonly<Record<string, GgufValue>>;
  /** Tensors of a layer, without their `blk.<layer>.` prefix. */
  layer(index: number, layers: number): readonly PlainTensor[];
  /** Tensors outside the layers, beyond the embedding and the final norm. */
  readonly global?: readonly PlainTensor[];
}

export const matrix = (name: string, ...dimensions: number[]): PlainTensor => ({
  name: `${name}.weight`,
  dimensions,
  isQuantised: true,
});
export const plain = (name: string, ...dimensions: number[]): PlainTensor => ({
  name: `${name}.weight`,
  dimensions,
  isQuantised: false,
});
export const bias = (name: string, ...dimensions: number[]): PlainTensor => ({
  name: `${name}.bias`,
  dimensions,
  isQuantised: false,
});
export const norms = (...names: string[]): PlainTensor[] => names.map((name) => plain(name, SIZES.width));

export function shape(tensor: PlainTensor, quantisation: string, prefix = ''): TensorShape {
  return {
    name: prefix + tensor.name,
    dimensions: [...tensor.dimensions],
    type: tensorTypeNumber(tensor.isQuantised ? quantisation : 'f32'),
  };
}

export const commonMetadata = (layers: number): Record<string, GgufValue> => ({
  block_count: uint32(layers),
  context_length: uint32(2048),
  embedding_length: uint32(SIZES.width),
  feed_forward_length: uint32(SIZES.feedForward),
  'attention.head_count': uint32(SIZES.heads),
  'attention.head_count_kv': uint32(SIZES.kvHeads),
  'attention.layer_norm_rms_epsilon': float32(1e-5),
  'rope.dimension_count': uint32(SIZES.headWidth),
  'rope.freq_base': float32(10_000),
  vocab_size: uint32(SIZES.vocabulary),
});
