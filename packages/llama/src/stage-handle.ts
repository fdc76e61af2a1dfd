import { Worker, type MessagePort } from 'node:worker_threads';
import { StoppedError, type Slot, type StageInfo, type StageWays, type WayTrouble } from '@pippa/core';
import { openEngine } from './engine.ts';
import { ModelLoadError } from './errors.ts';
import type { StageOptions } from './stage-options.ts';
import { reviveFailure } from './worker-failure.ts';
import type { StageRequest, StageWorkerCommand, StageWorkerData, StageWorkerReport } from './worker-messages.ts';
import { StageCounters } from './stage-counters.ts';
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
  exportSlot(slot: Slot, range?: { readonly from: number; readonly to: number }): Promise<Uint8Array<ArrayBuffer>>;
  importSlot(slot: Slot, bytes: Uint8Array<ArrayBuffer>, from?: number): Promise<void>;
  readonly ways: StageWays;
}

/** Of the thread's JavaScript heap: a step leaves little behind, and what V8 takes by itself would be memory of models. */
const YOUNG_MIB = 4;

/** Starts a thread and loads the stage in it. Throws what `Stage` throws, or the signal's reason. */
export async function loadStage(
  options: StageOptions,
  control: { readonly onProgress?: (fraction: number) => void; readonly signal?: AbortSignal } = {},
): Promise<StageHandle> {
  control.signal?.throwIfAborted();
  // Backends register once a process and not thread-safely: before any worker opens the libraries.
  openEngine();
  const cancelled = new SharedArrayBuffer(1);
  const counters = new StageCounters();
  const data: StageWorkerData = { options, cancelled, counters: counters.shared };
  const worker = new Worker(workerUrl('stage-worker'), {
    workerData: data,
    name: `stage ${options.from}-${options.to}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  const cancel = (): void => void Atomics.store(new Uint8Array(cancelled), 0, 1);
  control.signal?.addEventListener('abort', cancel, { once: true });
  let handle: WorkerStage | undefined;
  try {
    const info = await new Promise<StageInfo>((resolve, reject) => {
      worker.on('message', (report: StageWorkerReport) => {
        if (report.kind === 'progress') control.onProgress?.(report.fraction);
        else if (report.kind === 'loaded') resolve(report.info);
        else if (report.kind === 'failed') reject(reviveFailure(report.failure));
        else if (report.kind === 'answer') handle?.answered(report);
        else if (report.kind === 'trouble') handle?.trouble(report.trouble);
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
    handle = new WorkerStage(worker, info, counters);
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
  readonly #asked = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #nextRequest = 0;
  #onTrouble: (trouble: WayTrouble) => void = () => {};
  readonly ways: StageWays;

  constructor(worker: Worker, info: StageInfo, counters: StageCounters) {
    this.info = info;
    this.#worker = worker;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.ways = {
      get steps() {
        return counters.steps;
      },
      get medianHandlingMs() {
        return counters.medianHandlingMs;
      },
      take: (options) => this.#ask({ kind: 'take', options }) as ReturnType<StageWays['take']>,
      hand: (offer, options) => this.#ask({ kind: 'hand', offer, options }) as ReturnType<StageWays['hand']>,
      close: () => this.#tell({ kind: 'close-ways' }),
      onTrouble: (consumer) => {
        this.#onTrouble = consumer;
      },
    };
  }

  exited(code: number): void {
    if (!this.#closing) this.lose(new Error(`The thread of stage ${this.info.from}-${this.info.to} ended with code ${code}.`));
    for (const { reject } of this.#asked.values()) reject(new StoppedError('The stage has stopped.'));
    this.#asked.clear();
    this.#resolveEnded();
  }

  exportSlot(slot: Slot, range?: { readonly from: number; readonly to: number }): Promise<Uint8Array<ArrayBuffer>> {
    return this.#ask({ kind: 'export', slot, ...(range === undefined ? {} : { range }) }) as Promise<Uint8Array<ArrayBuffer>>;
  }

  async importSlot(slot: Slot, bytes: Uint8Array<ArrayBuffer>, from = 0): Promise<void> {
    await this.#ask({ kind: 'import', slot, bytes, from });
  }

  /** What the worker answers is as the request says. */
  #ask(request: StageRequest): Promise<unknown> {
    if (this.#closing) return Promise.reject(new StoppedError('The stage has stopped.'));
    return new Promise((resolve, reject) => {
      this.#nextRequest += 1;
      this.#asked.set(this.#nextRequest, { resolve, reject });
      this.#tell({ kind: 'request', id: this.#nextRequest, request });
    });
  }

  answered(report: Extract<StageWorkerReport, { kind: 'answer' }>): void {
    const asked = this.#asked.get(report.id);
    this.#asked.delete(report.id);
    if ('failure' in report) asked?.reject(reviveFailure(report.failure));
    else asked?.resolve(report.value);
  }

  trouble(trouble: WayTrouble): void {
    this.#onTrouble(trouble);
  }

  #tell(command: StageWorkerCommand): void {
    this.#worker.postMessage(command);
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
      this.#tell({ kind: 'close' });
    }
    // The worker finishes the step it is in, frees its native memory and ends; nothing is torn from under libllama.
    await this.#ended;
  }
}
