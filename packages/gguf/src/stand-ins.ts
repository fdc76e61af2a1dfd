import { findArchitectureRule } from './architectures.ts';
import type { TensorShape } from './encode.ts';
import { hasTiedHead, tensorLayer } from './layout.ts';
import { tensorBytes, tensorType, tensorTypeNumber } from './tensor-types.ts';
import type { ArchitectureRule, GgufModel, GgufTensor } from './types.ts';

/** The vocabulary of a stage that sees no tokens: llama.cpp wants one, and every row costs logits. */
export const DUMMY_VOCABULARY_SIZE = 32;
const isEmbedding = ({ name }: { readonly name: string }): boolean => name === 'token_embd.weight';
const isHead = ({ name }: { readonly name: string }): boolean => name === 'output.weight';

/** Densest first. */
const DENSE_TYPES: readonly number[] = ['q1_0', 'q2_0', 'q4_0', 'q8_0'].map(tensorTypeNumber);

/** Where a stage lies in its model, and what of the model matters to the tensors outside the layers. */
export interface StagePlace {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** The head is the token embedding. */
  readonly isTied: boolean;
  /** What the architecture does with a head tensor. */
  readonly head: ArchitectureRule['head'];
}

/** Whether a stage uses a tensor that lies outside the layers. */
export function usesTensor(name: string, { isFirst, isLast, isTied }: StagePlace): boolean {
  if (name === 'token_embd.weight') return isFirst || (isLast && isTied);
  return isLast || !name.startsWith('output');
}

/** What a stage that does not use the embedding, the final norm or the head has in its place; undefined: nothing. */
export function standInFor(tensor: GgufTensor, { isFirst, isLast, head }: StagePlace): TensorShape | undefined {
  const { name, dimensions, type } = tensor;
  if (name === 'token_embd.weight') return isLast ? dense(tensor) : small(tensor);
  if (name.startsWith('output_norm')) return { name, dimensions, type };
  if (name !== 'output.weight' || head === 'tied') return undefined;
  if (isFirst) return dense(tensor);
  return head === 'needed' ? small(tensor) : undefined;
}

/**
 * A first stage without a head would get a second copy of the embedding for one. Undefined: there is a head tensor to stand in for, or none
 * may be there.
 */
export function headOfFirst(model: GgufModel, { isFirst, isLast, isTied, head }: StagePlace): TensorShape | undefined {
  const embedding = model.tensors.find(isEmbedding);
  if (!isFirst || isLast || !isTied || head === 'tied' || embedding === undefined) return undefined;
  return dense({ ...embedding, name: 'output.weight' });
}

/**
 * Bytes of the stand-ins on a stage of a model that is cut; on the first one also of the copy that the engine makes of an embedding that is
 * always the head. Those with a row a token are neither written nor read: they take addresses, no memory.
 */
export function standInBytes(model: GgufModel): { readonly first: number; readonly middle: number; readonly last: number } {
  const head = findArchitectureRule(model.architecture)?.head;
  const isTied = hasTiedHead(model);
  const outside = model.tensors.filter(({ name }) => tensorLayer(name) === undefined);
  const at = (isFirst: boolean, isLast: boolean): number => {
    const place = { isFirst, isLast, isTied, head };
    const standIns = outside.filter(({ name }) => !usesTensor(name, place)).map((tensor) => standInFor(tensor, place));
    return standIns.reduce((sum, shape) => {
      const isWritten = shape !== undefined && !((isFirst && isHead(shape)) || (isLast && isEmbedding(shape)));
      return sum + (isWritten ? tensorBytes(shape.type, shape.dimensions) : 0);
    }, 0);
  };
  const copied = head === 'tied' ? outside.filter(isEmbedding) : [];
  const copiedBytes = copied.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { first: at(true, false) + copiedBytes, middle: at(false, false), last: at(false, true) };
}

/**
 * The first and the last stage have the real vocabulary and need as many rows of embedding and head, which would take a gigabyte in a large
 * model: they are of the densest type that fits. GPUs can multiply by each of them: the engine places a head where it would place the real one.
 */
function dense(tensor: GgufTensor): TensorShape {
  const [width = 1, rows = 1] = tensor.dimensions;
  const type = DENSE_TYPES.find((candidate) => width % tensorType(candidate).blockElements === 0) ?? tensor.type;
  return { name: tensor.name, dimensions: [width, rows], type };
}

function small(tensor: GgufTensor): TensorShape {
  const [width = 1] = tensor.dimensions;
  return { name: tensor.name, dimensions: [width, DUMMY_VOCABULARY_SIZE], type: tensorTypeNumber('f32') };
}
