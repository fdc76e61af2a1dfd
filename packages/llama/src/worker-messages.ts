import type { MessagePort } from 'node:worker_threads';
import type { Slot, StageInfo, StageTiming, Step, StepResult } from '@pippa/core';
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
}

/** Stage worker to its owner. */
export type StageWorkerReport =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'loaded'; readonly info: StageInfo }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure }
  /** What became of an export (with `bytes`) or an import. */
  | { readonly kind: 'slot'; readonly id: number; readonly bytes?: Uint8Array<ArrayBuffer>; readonly failure?: WorkerFailure }
  | { readonly kind: 'closed' };

/** Owner to stage worker. */
export type StageWorkerCommand =
  | { readonly kind: 'connect'; readonly input: MessagePort; readonly output: MessagePort }
  | { readonly kind: 'export'; readonly id: number; readonly slot: Slot }
  | { readonly kind: 'import'; readonly id: number; readonly slot: Slot; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'close' };

/** What travels from the conductor through the stages and back to it. */
export type StageFrame =
  | {
      readonly kind: 'step';
      readonly step: Step;
      readonly hidden?: Float32Array<ArrayBuffer>;
      readonly timings: readonly StageTiming[];
    }
  | { readonly kind: 'result'; readonly result: StepResult }
  /** The stage forgets its KV cache and samplers. Goes no further. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'failure'; readonly stepId: number; readonly failure: WorkerFailure };
