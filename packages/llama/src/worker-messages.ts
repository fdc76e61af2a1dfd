import type { MessagePort } from 'node:worker_threads';
import type { DirectOffer, Slot, StageInfo, StageTiming, StageWays, Step, StepResult, WayTrouble } from '@pippa/core';
import type { StageOptions } from './stage-options.ts';

/** An error that crossed a thread: its class is lost, its name and words are not. */
export interface WorkerFailure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface StageWorkerData {
  readonly options: StageOptions;
  /** One byte; set to 1 to cancel loading: the worker cannot take messages while it loads. */
  readonly cancelled: SharedArrayBuffer;
  /** Of `StageCounters`. */
  readonly counters: SharedArrayBuffer;
}

/** Stage worker to its owner. */
export type StageWorkerReport =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'loaded'; readonly info: StageInfo }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure }
  /** What became of a request. */
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly failure: WorkerFailure }
  | { readonly kind: 'trouble'; readonly trouble: WayTrouble }
  | { readonly kind: 'closed' };

/** Owner to stage worker. */
export type StageWorkerCommand =
  | { readonly kind: 'connect'; readonly input: MessagePort; readonly output: MessagePort }
  | { readonly kind: 'request'; readonly id: number; readonly request: StageRequest }
  | { readonly kind: 'close-ways' }
  | { readonly kind: 'close' };

/** What a worker answers. */
export type StageRequest =
  /** Answered by the slot's state, a `Uint8Array<ArrayBuffer>`. */
  | { readonly kind: 'export'; readonly slot: Slot; readonly range?: { readonly from: number; readonly to: number } }
  | { readonly kind: 'import'; readonly slot: Slot; readonly bytes: Uint8Array<ArrayBuffer>; readonly from: number }
  /** Answered by a `DirectOffer`. */
  | { readonly kind: 'take'; readonly options: Parameters<StageWays['take']>[0] }
  /** Answered by whether somebody was reached. */
  | { readonly kind: 'hand'; readonly offer: DirectOffer; readonly options: Parameters<StageWays['hand']>[1] };

/** To a stage's thread, in order. */
export type StageInputFrame =
  | {
      readonly kind: 'step';
      readonly step: Step;
      /** The previous stage's output; left out on the first stage. */
      readonly hidden?: Float32Array<ArrayBuffer> | undefined;
      readonly timings: readonly StageTiming[];
      /** What reading and checking it took the stage's thread. */
      readonly takingInMs?: number;
    }
  /** The stage forgets its KV cache and samplers. */
  | { readonly kind: 'reset' };

/** What a stage makes of them: that of one is the next one's input. */
export type StageOutputFrame =
  | {
      readonly kind: 'step';
      readonly step: Step;
      readonly hidden: Float32Array<ArrayBuffer>;
      readonly timings: readonly StageTiming[];
      /** See `StageRunnerOutput`. */
      readonly delivered?: boolean;
    }
  | { readonly kind: 'result'; readonly result: StepResult }
  | { readonly kind: 'failure'; readonly stepId: number; readonly failure: WorkerFailure };
