import type { DirectOffer } from './direct.ts';
import type { Slot, TokenId } from './ids.ts';
import type { SamplerSettings, TokenLogprob } from './sampling.ts';

/**
 * What a step does to the KV cache before its rows are decoded, in order, on every stage.
 * Ranges are positions `[from, to)`; `to` -1 means to the end.
 */
export type MemoryOperation =
  | { readonly kind: 'remove'; readonly slot: Slot; readonly from: number; readonly to: number }
  | { readonly kind: 'copy'; readonly source: Slot; readonly target: Slot; readonly from: number; readonly to: number };

/** What a step does to the samplers, before its rows are sampled; only the last stage acts on it. */
export type SamplerOperation =
  | {
      readonly kind: 'open';
      readonly slot: Slot;
      readonly settings: SamplerSettings;
      /** Tokens the penalties have already seen: the end of the prompt and what was generated, oldest first. */
      readonly history: Int32Array;
      /** How many at the end of `history` were generated: the grammar has accepted just these. */
      readonly generatedTokens: number;
    }
  | { readonly kind: 'close'; readonly slot: Slot };

/** A row whose next token is sampled on the last stage. */
export interface StepOutput {
  /** Index into the step's rows. */
  readonly row: number;
  /** The sampler to use; the row's own slot. */
  readonly slot: Slot;
  /** How many alternatives to report; -1 reports no log probability at all. */
  readonly logprobs: number;
}

/**
 * One batch (mixed prefill chunks and decode tokens) travelling through the stages. `slots`, `positions` and `tokens` have one
 * entry a row. Positions of a slot are consecutive and follow what the slot's KV holds.
 */
export interface Step {
  /** Increases by one within an epoch. */
  readonly id: number;
  /** Version of the ring's membership; a stage drops frames of another epoch. */
  readonly epoch: number;
  readonly memory: readonly MemoryOperation[];
  readonly samplers: readonly SamplerOperation[];
  readonly slots: Int32Array;
  readonly positions: Int32Array;
  readonly tokens: Int32Array;
  readonly outputs: readonly StepOutput[];
}

/** One sampled token. */
export interface Sample {
  readonly slot: Slot;
  readonly token: TokenId;
  /** The token ends the generation (EOS, EOT, ...). */
  readonly endOfGeneration: boolean;
  readonly logprob?: TokenLogprob;
}

/** What a stage spent on a step, in milliseconds. */
export interface StageTiming {
  readonly computeMs: number;
}

/** What comes back to the conductor for a step: `samples` in the order of the step's `outputs`. */
export interface StepResult {
  readonly id: number;
  readonly epoch: number;
  readonly samples: readonly Sample[];
  /** Samplers that could not be opened (a grammar that does not parse); their outputs have no sample, the other sequences go on. */
  readonly samplerFailures: readonly { readonly slot: Slot; readonly message: string }[];
  /** One entry a stage, first to last. */
  readonly timings: readonly StageTiming[];
}

/** What a loaded stage says about itself. */
export interface StageInfo {
  /** Layers `[from, to)` of the model. */
  readonly from: number;
  readonly to: number;
  readonly layerCount: number;
  readonly embeddingLength: number;
  readonly vocabularySize: number;
  /** KV cells the stage can hold over all slots. */
  readonly contextCells: number;
  readonly parallelSequences: number;
  /** Rows one step may carry. */
  readonly maxRows: number;
  /** False for recurrent state: only `remove` of a whole slot works, so no prefix of a slot can be kept. */
  readonly canTruncate: boolean;
  /** Bytes of weights, KV and compute buffers. */
  readonly memoryBytes: { readonly weights: number; readonly context: number; readonly compute: number };
  /** `Metal`, `CUDA0`, `CPU` ... as the libraries report it. */
  readonly backend: string;
}

/** The stages of a ring in order, seen from its conductor. */
export interface StageChain {
  readonly stages: readonly StageInfo[];
  /** The ring's epoch that its steps carry; 0 when left out. */
  readonly epoch?: number;
  /**
   * Sends a step into stage 0 and settles when the last stage's result is back. Several steps may be under way; results come in
   * the order of submission. Rejects with a `StageError` when a stage failed or is gone; every later submission then rejects too.
   */
  submit(step: Step): Promise<StepResult>;
}

/** The limits of a chain are those of its weakest stage. */
export function chainLimits(
  stages: readonly StageInfo[],
): Pick<StageInfo, 'contextCells' | 'parallelSequences' | 'maxRows' | 'canTruncate'> {
  return {
    contextCells: Math.min(...stages.map((stage) => stage.contextCells)),
    parallelSequences: Math.min(...stages.map((stage) => stage.parallelSequences)),
    maxRows: Math.min(...stages.map((stage) => stage.maxRows)),
    canTruncate: stages.every((stage) => stage.canTruncate),
  };
}

/** What a stage made of a step. */
export type StageRunnerOutput =
  /** Not the last stage: `rows * embeddingLength` floats, row by row. */
  | {
      readonly kind: 'hidden';
      readonly step: Step;
      readonly hidden: Float32Array<ArrayBuffer>;
      readonly timings: readonly StageTiming[];
      /** The next stage has it already, over a direct way: this is a copy for the journal. */
      readonly delivered?: boolean;
    }
  | { readonly kind: 'result'; readonly result: StepResult }
  | { readonly kind: 'failure'; readonly stepId: number; readonly code: string; readonly message: string };

/** A loaded stage of this node, as its host drives it. Steps are computed in the order of submission, away from the calling thread. */
export interface StageRunner extends AsyncDisposable {
  readonly info: StageInfo;
  /** `hidden`: the previous stage's output; its buffer is the stage's from then on. Left out on the first stage. */
  submit(step: Step, hidden: Float32Array<ArrayBuffer> | undefined, timings: readonly StageTiming[]): void;
  /** Empties the KV cache and closes all samplers, after the steps submitted so far. */
  reset(): void;
  /**
   * What the slot's KV cache holds at positions `[from, to)`, in the engine's own form: for a stage of the same layers, made by the same
   * engine. Not ordered against steps: the caller knows that the positions are there and stay. Rejects when it cannot be had, as for
   * models whose cache cannot be cut (`canTruncate`).
   */
  exportSlot(slot: Slot, from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Puts exported positions behind those that the slot holds, or, `from` 0, in place of them; `bytes` is the stage's from then on. No step
   * with the slot may be under way. Rejects when they are not taken: what the slot holds is not known then.
   */
  importSlot(slot: Slot, from: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Sets the one consumer of what comes out. */
  onOutput(consumer: (output: StageRunnerOutput) => void): void;
  /** Calls back once if the stage ends without having been asked to. */
  onLoss(callback: (error: Error) => void): void;
  /** Left out where steps come and go through the calling thread alone. */
  readonly ways?: StageWays;
}

/** How hidden states travel; `protocol` says what each is. */
export type ActivationFormat = 'f32' | 'f16' | 'bf16';

/** One end of a stage's direct ways broke, or something came over it that is no step of the stage. */
export interface WayTrouble {
  readonly way: 'in' | 'out';
  readonly epoch: number;
  readonly code: string;
  readonly message: string;
}

/**
 * Direct ways of a stage to its neighbours, past the thread that drives it: a token through a ring waits for one thread a node to wake
 * instead of three. One of each kind at a time.
 */
export interface StageWays {
  /** How many steps the stage has computed so far. */
  readonly steps: number;
  /** What taking a step in and handing on what became of it takes its thread beyond computing: the median so far, in milliseconds. */
  readonly medianHandlingMs: number;
  /**
   * Steps of the epoch come over a direct connection, whose offer is for the stage before. Large ones may still be submitted: the stage
   * puts them in the order of their ids from `firstStep` on, without a gap. Rejects where there is nothing to listen on, and when the stage
   * was given other ways meanwhile.
   */
  take(options: {
    readonly epoch: number;
    readonly activations: ActivationFormat;
    readonly firstStep: number;
  }): Promise<DirectOffer>;
  /**
   * What the stage makes of the epoch's steps goes to whoever made the offer, but for steps with an id below `heldBelow` and for large
   * ones; with `copies` the hidden states come out here, too. False: nobody can be reached there, and all goes on coming out here alone; or the
   * stage was given other ways meanwhile.
   */
  hand(
    offer: DirectOffer,
    options: {
      readonly epoch: number;
      readonly activations: ActivationFormat;
      readonly copies: boolean;
      readonly heldBelow: number;
    },
  ): Promise<boolean>;
  /** Ends the ways there are; what is still under way on them is nobody's. */
  close(): void;
  /** Sets the one consumer. Ends that `close` brought about are no trouble. */
  onTrouble(consumer: (trouble: WayTrouble) => void): void;
}
