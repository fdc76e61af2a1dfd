import { Worker, type MessagePort } from 'node:worker_threads';
import { StoppedError, type Slot, type StageInfo } from '@pippa/core';
import { openEngine } from './engine.ts';
import { ModelLoadError } from './errors.ts';
import type { StageOptions } from './stage-options.ts';
import { reviveFailure } from './worker-failure.ts';
import type { StageWorkerCommand, StageWorkerData, StageWorkerReport } from './worker-messages.ts';
import { workerUrl } from './worker-url.ts';

/** A stage that runs in its own worker thread. */
export interface StageHandle extends AsyncDisposable {
  readonly info: StageInfo;
  /** Frames (`StageFrame`) are taken from `input`; what the stage makes of them goes to `output`. Once in a stage's life. */
  connect(input: MessagePort, output: MessagePort): void;
  /** Calls back once if the thread ends without having been asked to. */
  onLoss(callback: (error: Error) => void): void;
  /**
   * What `Stage.exportSlot` and `Stage.importSlot` do, in the stage's thread. They are not ordered against steps: no step with the slot
   * may be under way. Reject with `SlotStateError`, or `StoppedError` when the stage ends first.
   */
  exportSlot(slot: Slot): Promise<Uint8Array<ArrayBuffer>>;
  importSlot(slot: Slot, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** Starts a thread and loads the stage in it. Throws what `Stage` throws, or the signal's reason. */
export async function loadStage(
  options: StageOptions,
  control: { readonly onProgress?: (fraction: number) => void; readonly signal?: AbortSignal } = {},
): Promise<StageHandle> {
  control.signal?.throwIfAborted();
  // Backends register once a process and not thread-safely: before any worker opens the libraries.
  openEngine();
  const cancelled = new SharedArrayBuffer(1);
  const data: StageWorkerData = { options, cancelled };
  const worker = new Worker(workerUrl('stage-worker'), { workerData: data, name: `stage ${options.from}-${options.to}` });
  const cancel = (): void => void Atomics.store(new Uint8Array(cancelled), 0, 1);
  control.signal?.addEventListener('abort', cancel, { once: true });
  let handle: WorkerStage | undefined;
  try {
    const info = await new Promise<StageInfo>((resolve, reject) => {
      worker.on('message', (report: StageWorkerReport) => {
        if (report.kind === 'progress') control.onProgress?.(report.fraction);
        else if (report.kind === 'loaded') resolve(report.info);
        else if (report.kind === 'failed') reject(reviveFailure(report.failure));
        else if (report.kind === 'slot') handle?.exchanged(report);
      });
      worker.on('error', (error: Error) => {
        reject(error);
        handle?.lose(error);
      });
      worker.on('exit', (code) => {
        reject(new ModelLoadError(`The stage's thread ended with code ${code} while it loaded.`));
        handle?.exited(code);
      });
    });
    handle = new WorkerStage(worker, info);
    if (control.signal?.aborted === true) {
      await handle[Symbol.asyncDispose]();
      control.signal.throwIfAborted();
    }
    return handle;
  } catch (error) {
    control.signal?.throwIfAborted();
    throw error;
  } finally {
    control.signal?.removeEventListener('abort', cancel);
  }
}

class WorkerStage implements StageHandle {
  readonly info: StageInfo;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  #closing = false;
  #reportLoss: ((error: Error) => void) | undefined;
  readonly #exchanges = new Map<number, { resolve: (bytes: Uint8Array<ArrayBuffer>) => void; reject: (error: Error) => void }>();
  #nextExchange = 0;

  constructor(worker: Worker, info: StageInfo) {
    this.info = info;
    this.#worker = worker;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  exited(code: number): void {
    if (!this.#closing) this.lose(new Error(`The thread of stage ${this.info.from}-${this.info.to} ended with code ${code}.`));
    for (const exchange of this.#exchanges.values()) exchange.reject(new StoppedError('The stage has stopped.'));
    this.#exchanges.clear();
    this.#resolveEnded();
  }

  exportSlot(slot: Slot): Promise<Uint8Array<ArrayBuffer>> {
    return this.#exchange((id) => ({ kind: 'export', id, slot }));
  }

  async importSlot(slot: Slot, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#exchange((id) => ({ kind: 'import', id, slot, bytes }));
  }

  #exchange(command: (id: number) => StageWorkerCommand): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#closing) return Promise.reject(new StoppedError('The stage has stopped.'));
    return new Promise((resolve, reject) => {
      this.#nextExchange += 1;
      this.#exchanges.set(this.#nextExchange, { resolve, reject });
      this.#worker.postMessage(command(this.#nextExchange));
    });
  }

  exchanged({ id, bytes, failure }: Extract<StageWorkerReport, { kind: 'slot' }>): void {
    const exchange = this.#exchanges.get(id);
    this.#exchanges.delete(id);
    if (failure === undefined) exchange?.resolve(bytes ?? new Uint8Array(0));
    else exchange?.reject(reviveFailure(failure));
  }

  connect(input: MessagePort, output: MessagePort): void {
    const command: StageWorkerCommand = { kind: 'connect', input, output };
    this.#worker.postMessage(command, [input, output]);
  }

  onLoss(callback: (error: Error) => void): void {
    this.#reportLoss = callback;
  }

  lose(error: Error): void {
    this.#reportLoss?.(error);
    this.#reportLoss = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      const command: StageWorkerCommand = { kind: 'close' };
      this.#worker.postMessage(command);
    }
    // The worker finishes the step it is in, frees its native memory and ends; nothing is torn from under libllama.
    await this.#ended;
  }
}
