import { UnsupportedGgufError } from './errors.ts';

/** A ggml element type: `blockElements` values are stored together in `blockBytes` bytes. */
export interface TensorType {
  readonly name: string;
  readonly blockElements: number;
  readonly blockBytes: number;
}

/** Every type of the pinned llama.cpp release by its `ggml_type` number (`ggml_blck_size`, `ggml_type_size`). */
const TENSOR_TYPES: ReadonlyMap<number, TensorType> = new Map([
  [0, { name: 'f32', blockElements: 1, blockBytes: 4 }],
  [1, { name: 'f16', blockElements: 1, blockBytes: 2 }],
  [2, { name: 'q4_0', blockElements: 32, blockBytes: 18 }],
  [3, { name: 'q4_1', blockElements: 32, blockBytes: 20 }],
  [6, { name: 'q5_0', blockElements: 32, blockBytes: 22 }],
  [7, { name: 'q5_1', blockElements: 32, blockBytes: 24 }],
  [8, { name: 'q8_0', blockElements: 32, blockBytes: 34 }],
  [9, { name: 'q8_1', blockElements: 32, blockBytes: 36 }],
  [10, { name: 'q2_K', blockElements: 256, blockBytes: 84 }],
  [11, { name: 'q3_K', blockElements: 256, blockBytes: 110 }],
  [12, { name: 'q4_K', blockElements: 256, blockBytes: 144 }],
  [13, { name: 'q5_K', blockElements: 256, blockBytes: 176 }],
  [14, { name: 'q6_K', blockElements: 256, blockBytes: 210 }],
  [15, { name: 'q8_K', blockElements: 256, blockBytes: 292 }],
  [16, { name: 'iq2_xxs', blockElements: 256, blockBytes: 66 }],
  [17, { name: 'iq2_xs', blockElements: 256, blockBytes: 74 }],
  [18, { name: 'iq3_xxs', blockElements: 256, blockBytes: 98 }],
  [19, { name: 'iq1_s', blockElements: 256, blockBytes: 50 }],
  [20, { name: 'iq4_nl', blockElements: 32, blockBytes: 18 }],
  [21, { name: 'iq3_s', blockElements: 256, blockBytes: 110 }],
  [22, { name: 'iq2_s', blockElements: 256, blockBytes: 82 }],
  [23, { name: 'iq4_xs', blockElements: 256, blockBytes: 136 }],
  [24, { name: 'i8', blockElements: 1, blockBytes: 1 }],
  [25, { name: 'i16', blockElements: 1, blockBytes: 2 }],
  [26, { name: 'i32', blockElements: 1, blockBytes: 4 }],
  [27, { name: 'i64', blockElements: 1, blockBytes: 8 }],
  [28, { name: 'f64', blockElements: 1, blockBytes: 8 }],
  [29, { name: 'iq1_m', blockElements: 256, blockBytes: 56 }],
  [30, { name: 'bf16', blockElements: 1, blockBytes: 2 }],
  [34, { name: 'tq1_0', blockElements: 256, blockBytes: 54 }],
  [35, { name: 'tq2_0', blockElements: 256, blockBytes: 66 }],
  [39, { name: 'mxfp4', blockElements: 32, blockBytes: 17 }],
  [40, { name: 'nvfp4', blockElements: 64, blockBytes: 36 }],
  [41, { name: 'q1_0', blockElements: 128, blockBytes: 18 }],
  [42, { name: 'q2_0', blockElements: 64, blockBytes: 18 }],
]);

export function tensorType(type: number): TensorType {
  const found = TENSOR_TYPES.get(type);
  if (found === undefined) {
    throw new UnsupportedGgufError(`Tensor type ${type} is not known to this version.`, {
      hint: 'Use another quantisation of the model, or update pippa-agent.',
    });
  }
  return found;
}

/** The `ggml_type` number of a type name such as `q4_0`. */
export function tensorTypeNumber(name: string): number {
  for (const [type, { name: known }] of TENSOR_TYPES) if (known === name) return type;
  throw new UnsupportedGgufError(`There is no tensor type named ${name}.`);
}

/** Bytes of a tensor with these dimensions; NaN never: throws when the first dimension is not a whole number of blocks. */
export function tensorBytes(type: number, dimensions: readonly number[]): number {
  const { name, blockElements, blockBytes } = tensorType(type);
  const row = dimensions[0] ?? 1;
  if (row % blockElements !== 0) {
    throw new UnsupportedGgufError(
      `A row of ${row} values is not a whole number of ${name} blocks (${blockElements} values each).`,
    );
  }
  return dimensions.reduce((product, dimension) => product * dimension, 1) * (blockBytes / blockElements);
}
