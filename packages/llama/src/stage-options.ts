/** Where a stage's weights come from. */
export type StageSource =
  /** GGUF files as llama.cpp reads them (memory-mapped, CPU weights repacked): a whole model, its splits in order, or a shard file. */
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  /**
   * A shard header with each tensor's place in other files: no second copy on disk, but no CPU weight repacking either
   * (1.6x slower on CPU backends), so it is the way for GPU backends.
   */
  | {
      readonly kind: 'tensors';
      readonly header: Uint8Array;
      readonly tensors: readonly TensorSource[];
      /** Of each tensor whether its bytes are there, of `TENSOR_ARRIVAL`; all are when left out. Whoever sets one has to notify. */
      readonly arrivals?: Int32Array<SharedArrayBuffer>;
    };

/** What is with a tensor whose bytes still come. */
export const TENSOR_ARRIVAL = { awaited: 0, there: 1, lost: 2 } as const;

export interface TensorSource {
  /** The tensor's name in the shard. */
  readonly name: string;
  readonly byteLength: number;
  /** Left out: the tensor is a dummy: zeros, or, a large one, whatever is there. */
  readonly place?: { readonly path: string; readonly offset: number };
}

export interface StageOptions {
  readonly source: StageSource;
  /** Layers `[from, to)` out of `layerCount`. */
  readonly from: number;
  readonly to: number;
  readonly layerCount: number;
  /** KV cells over all slots. */
  readonly contextCells: number;
  readonly parallelSequences: number;
  /** Each slot has its part of the cells for itself, so that the last bits do not depend on other slots; left out: they share them. */
  readonly ownCells?: boolean;
  /** Rows a step may carry. */
  readonly maxRows: number;
  /** CPU threads. */
  readonly threads: number;
  /** `off` keeps everything on the CPU. */
  readonly gpu: 'auto' | 'off';
  /** Name of the graph node with a layer's output. */
  readonly hiddenStateName: string;
  /**
   * Name of the graph node that hidden states replace, where the graph would change them on their way in; left out: they enter as they
   * are.
   */
  readonly hiddenInputName?: string;
  /** The model has recurrent state: slots cannot be truncated and rows go to the engine grouped by slot. */
  readonly recurrent: boolean;
  /** Positions a row needs when its input is an embedding (4 for multi-axis RoPE). */
  readonly positionsPerToken: number;
  /** What `gguf` expects the stage to need; reported in `StageInfo`. */
  readonly expectedBytes: { readonly weights: number; readonly context: number; readonly compute: number };
}
