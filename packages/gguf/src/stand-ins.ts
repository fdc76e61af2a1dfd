import { findArchitectureRule } from './architectures.ts';
import type { TensorShape } from './encode.ts';
import { hasTiedHead, tensorLayer } from './layout.ts';
import { tensorBytes, tensorType, tensorTypeNumber } from './tensor-types.ts';
import type { GgufModel, GgufTensor } from './types.ts';

/** The vocabulary of a stage that sees no tokens: llama.cpp wants one, and every row costs logits. */
export const DUMMY_VOCABULARY_SIZE = 32;
/** Densest first; the CPU, where embeddings lie, can look up rows of each. */
const DENSE_TYPES: readonly number[] = ['q1_0', 'q2_0', 'q4_0', 'q8_0'].map(tensorTypeNumber);

/** Where a stage lies in its model, and what of the model matters to the tensors outside the layers. */
export interface StagePlace {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** The head is the token embedding. */
  readonly isTied: boolean;
  /** The architecture loads no shard without a head tensor of its own. */
  readonly needsHead: boolean;
}

/** Whether a stage uses a tensor that lies outside the layers. */
export function usesTensor(name: string, { isFirst, isLast, isTied }: StagePlace): boolean {
  if (name === 'token_embd.weight') return isFirst || (isLast && isTied);
  return isLast || !name.startsWith('output');
}

/** What a stage that does not use the embedding, the final norm or the head has in its place; undefined: nothing. */
export function standInFor(tensor: GgufTensor, { isFirst, isLast, needsHead }: StagePlace): TensorShape | undefined {
  const { name, dimensions, type } = tensor;
  if (name === 'token_embd.weight') return isLast ? denseEmbedding(tensor) : small(tensor);
  if (name.startsWith('output_norm')) return { name, dimensions, type };
  if (name !== 'output.weight' || !needsHead) return undefined;
  // Where there is the real vocabulary, the head is of the model's own type: the engine must place it where it would place the real one.
  return isFirst ? { name, dimensions, type } : small(tensor);
}

/** Bytes of all stand-ins on a stage of a model that is cut. */
export function standInBytes(model: GgufModel): { readonly first: number; readonly middle: number; readonly last: number } {
  const needsHead = findArchitectureRule(model.architecture)?.needsHead === true;
  const isTied = hasTiedHead(model);
  const outside = model.tensors.filter(({ name }) => tensorLayer(name) === undefined);
  const at = (isFirst: boolean, isLast: boolean): number => {
    const place = { isFirst, isLast, isTied, needsHead };
    const standIns = outside.filter(({ name }) => !usesTensor(name, place)).map((tensor) => standInFor(tensor, place));
    return standIns.reduce((sum, shape) => sum + (shape === undefined ? 0 : tensorBytes(shape.type, shape.dimensions)), 0);
  };
  return { first: at(true, false), middle: at(false, false), last: at(false, true) };
}

/**
 * The last stage has the real vocabulary and needs as many rows, which would take a gigabyte in a large model: they are of the densest
 * type that fits.
 */
function denseEmbedding(tensor: GgufTensor): TensorShape {
  const [width = 1, rows = 1] = tensor.dimensions;
  const type = DENSE_TYPES.find((candidate) => width % tensorType(candidate).blockElements === 0) ?? tensor.type;
  return { name: tensor.name, dimensions: [width, rows], type };
}

function small(tensor: GgufTensor): TensorShape {
  const [width = 1] = tensor.dimensions;
  return { name: tensor.name, dimensions: [width, DUMMY_VOCABULARY_SIZE], type: tensorTypeNumber('f32') };
}
