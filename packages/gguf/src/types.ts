/** Types of metadata values, as the GGUF specification names them. */
export type GgufScalarType =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'float32'
  | 'bool'
  | 'string'
  | 'uint64'
  | 'int64'
  | 'float64';

export type GgufScalar = string | number | bigint | boolean;

/** An array value. Vocabularies are long: `bytes` is the encoded form (after the length), decoded only when asked for. */
export interface GgufArray {
  readonly type: 'array';
  readonly elementType: GgufScalarType;
  readonly length: number;
  readonly bytes: Uint8Array;
}

export type GgufValue = { readonly type: GgufScalarType; readonly value: GgufScalar } | GgufArray;

/** Keys in file order. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

export interface GgufTensor {
  readonly name: string;
  /** ggml's order: `dimensions[0]` is the contiguous one. */
  readonly dimensions: readonly number[];
  /** `ggml_type` number; see `tensor-types.ts`. */
  readonly type: number;
  readonly byteLength: number;
  /** Index into `GgufModel.files`. */
  readonly file: number;
  /** Absolute position in that file. */
  readonly offset: number;
}

/** A model's header, read and checked; a split model's files are merged into one view. */
export interface GgufModel {
  readonly files: readonly { readonly path: string; readonly byteLength: number }[];
  readonly version: number;
  readonly alignment: number;
  /** `general.architecture` */
  readonly architecture: string;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensor[];
}

/** How one architecture may be cut into shards. See `architectures.ts` for the table. */
export interface ArchitectureRule {
  /** `general.architecture` */
  readonly architecture: string;
  /** The layer boundaries (`1 .. layerCount - 1`) at which this model may be cut, ascending. */
  cuts(model: GgufModel): readonly number[];
  /**
   * Metadata of the shard `[from, to)`: what differs from the model's. A value replaces or adds, `undefined` removes. What holds
   * for every architecture (block count, tokenizer and vocabulary of stages that need none) is done by the shard writer.
   */
  metadata(model: GgufModel, from: number, to: number): ReadonlyMap<string, GgufValue | undefined>;
  /** Name of the graph node that holds a layer's output; `l_out` when left out. Asked for as `<name>-<layer>` by a stage that is not last. */
  readonly hiddenStateName?: string;
  /** Name of the node that a stage's input replaces, where the graph scales whatever enters it; left out: it takes the input as it is. */
  readonly hiddenInputName?: string;
  /** Recurrent or hybrid state: rows of one step must reach the engine grouped by sequence, and a slot can't be truncated. */
  readonly recurrent?: boolean;
  /**
   * What llama.cpp does with a head tensor: it loads no shard without one (`needed`: stages that use none get a dummy), knows none and always
   * takes the embedding (`tied`), or, left out, takes the embedding where there is none.
   */
  readonly head?: 'needed' | 'tied';
  /** Positions a token needs with embedding input (4 for multi-axis RoPE); 1 when left out. */
  readonly positionsPerToken?: number;
}
