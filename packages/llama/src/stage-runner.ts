import { MessageChannel, type MessagePort } from 'node:worker_threads';
import {
  StageError,
  type Slot,
  type StageInfo,
  type StageRunner,
  type StageRunnerOutput,
  type StageTiming,
  type StageWays,
  type Step,
} from '@pippa/core';
import { loadStage, type StageHandle } from './stage-handle.ts';
import type { StageOptions } from './stage-options.ts';
import type { StageInputFrame, StageOutputFrame } from './worker-messages.ts';

/** Loads a stage in a thread of its own, to be driven from this one. Throws what `loadStage` throws. */
export async function loadStageRunner(
  options: StageOptions,
  control: { readonly onProgress?: (fraction: number) => void; readonly signal?: AbortSignal } = {},
): Promise<StageRunner> {
  return new WorkerStageRunner(await loadStage(options, control));
}

class WorkerStageRunner implements StageRunner {
  readonly info: StageInfo;
  readonly ways: StageWays;
  readonly #handle: StageHandle;
  readonly #toStage: MessagePort;
  readonly #fromStage: MessagePort;
  #consumer: (output: StageRunnerOutput) => void = () => {};

  constructor(handle: StageHandle) {
    this.#handle = handle;
    this.info = handle.info;
    this.ways = handle.ways;
    const input = new MessageChannel();
    const output = new MessageChannel();
    handle.connect(input.port2, output.port1);
    this.#toStage = input.port1;
    this.#fromStage = output.port2;
    this.#fromStage.on('message', (frame: StageOutputFrame) => this.#deliver(frame));
  }

  submit(step: Step, hidden: Float32Array<ArrayBuffer> | undefined, timings: readonly StageTiming[]): void {
    const frame: StageInputFrame = hidden === undefined ? { kind: 'step', step, timings } : { kind: 'step', step, hidden, timings };
    this.#toStage.postMessage(frame, hidden === undefined ? [] : [hidden.buffer]);
  }

  reset(): void {
    const frame: StageInputFrame = { kind: 'reset' };
    this.#toStage.postMessage(frame);
  }

  exportSlot(slot: Slot, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#handle.exportSlot(slot, { from, to });
  }

  importSlot(slot: Slot, from: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#handle.importSlot(slot, bytes, from);
  }

  onOutput(consumer: (output: StageRunnerOutput) => void): void {
    this.#consumer = consumer;
  }

  onLoss(callback: (error: Error) => void): void {
    this.#handle.onLoss((error) => callback(new StageError(error.message, { cause: error })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#consumer = () => {};
    await this.#handle[Symbol.asyncDispose]();
    this.#toStage.close();
    this.#fromStage.close();
  }

  #deliver(frame: StageOutputFrame): void {
    if (frame.kind === 'step') {
      const { step, hidden, timings, delivered = false } = frame;
      this.#consumer({ kind: 'hidden', step, hidden, timings, delivered });
    } else if (frame.kind === 'result') {
      this.#consumer({ kind: 'result', result: frame.result });
    } else if (frame.kind === 'failure') {
      this.#consumer({ kind: 'failure', stepId: frame.stepId, code: frame.failure.code, message: frame.failure.message });
    }
  }
}
