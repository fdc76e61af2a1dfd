import { Worker } from 'node:worker_threads';
import { StageError, StoppedError } from '@pippa/core';
import { openEngine } from '../engine.ts';
import { ModelLoadError } from '../errors.ts';
import { reviveFailure } from '../worker-failure.ts';
import { workerUrl } from '../worker-url.ts';
import type { EmbedderCommand, EmbedderReport, EmbedderWorkerData } from './embedder-messages.ts';
import type { EmbedderInfo, EmbedderOptions } from './embedder-options.ts';

interface Waiting {
  readonly resolve: (report: EmbedderReport) => void;
  readonly reject: (error: Error) => void;
}

type WithoutId<Command> = Command extends unknown ? Omit<Command, 'id'> : never;

/** An embedder that runs in its own worker thread. */
export class EmbedderThread implements AsyncDisposable {
  readonly info: EmbedderInfo;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #ended: Error | undefined;

  private constructor(worker: Worker, info: EmbedderInfo, exited: Promise<void>) {
    this.#worker = worker;
    this.info = info;
    this.#exited = exited;
  }

  /** Starts the thread and loads the model in it. Throws what `Embedder` throws, or the signal's reason. */
  static async open(
    options: EmbedderOptions,
    control: { readonly onProgress?: (fraction: number) => void; readonly signal?: AbortSignal } = {},
  ): Promise<EmbedderThread> {
    control.signal?.throwIfAborted();
    // Backends register once a process and not thread-safely: before any worker opens the libraries.
    openEngine();
    const cancelled = new SharedArrayBuffer(1);
    const data: EmbedderWorkerData = { options, cancelled };
    const worker = new Worker(workerUrl('embedder-worker'), { workerData: data, name: 'embedder' });
    const cancel = (): void => void Atomics.store(new Uint8Array(cancelled), 0, 1);
    control.signal?.addEventListener('abort', cancel, { once: true });
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    let thread: EmbedderThread | undefined;
    try {
      const info = await new Promise<EmbedderInfo>((resolve, reject) => {
        worker.on('message', (report: EmbedderReport) => {
          if (report.kind === 'progress') control.onProgress?.(report.fraction);
          else if (report.kind === 'loaded') resolve(report.info);
          else if (report.kind === 'failed') reject(reviveFailure(report.failure));
          else thread?.deliver(report);
        });
        worker.on('error', (error: Error) => {
          reject(error);
          thread?.fail(new StageError(`The embedder's thread failed: ${error.message}`, { cause: error }));
        });
        worker.on('exit', (code) => {
          reject(new ModelLoadError(`The embedder's thread ended with code ${code} while it loaded.`));
          thread?.fail(new StageError(`The embedder's thread ended with code ${code}.`));
        });
      });
      thread = new EmbedderThread(worker, info, exited);
      if (control.signal?.aborted === true) await thread[Symbol.asyncDispose]();
      control.signal?.throwIfAborted();
      return thread;
    } catch (error) {
      control.signal?.throwIfAborted();
      throw error;
    } finally {
      control.signal?.removeEventListener('abort', cancel);
    }
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  async tokenize(texts: readonly string[]): Promise<readonly Int32Array[]> {
    return texts.length === 0 ? [] : this.#tokens({ kind: 'tokenize', texts });
  }

  tokenizePairs(query: string, documents: readonly string[]): Promise<readonly Int32Array[]> {
    return this.#tokens({ kind: 'pairs', query, documents });
  }

  async run(texts: readonly Int32Array[]): Promise<readonly Float32Array[]> {
    const report = await this.#ask({ kind: 'run', texts });
    return report.kind === 'vectors' ? report.vectors : [];
  }

  deliver(report: EmbedderReport): void {
    if (!('id' in report)) return;
    const waiting = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    if (report.kind === 'refused') waiting?.reject(reviveFailure(report.failure));
    else waiting?.resolve(report);
  }

  fail(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  async #tokens(command: WithoutId<EmbedderCommand>): Promise<readonly Int32Array[]> {
    const report = await this.#ask(command);
    return report.kind === 'tokens' ? report.tokens : [];
  }

  #ask(command: WithoutId<EmbedderCommand>): Promise<EmbedderReport> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#nextId += 1;
    const id = this.#nextId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...command, id });
    });
  }

  /** The thread ends the call it is in, frees its native memory and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined) {
      this.fail(new StoppedError('The model was taken down.'));
      this.#worker.postMessage('close');
    }
    await this.#exited;
  }
}
