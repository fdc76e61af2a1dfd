import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { StageError, type StageChain, type StageInfo, type Step, type StepResult } from '@pippa/core';
import { loadStage, type StageHandle } from './stage-handle.ts';
import type { StageOptions } from './stage-options.ts';
import type { StageInputFrame, StageOutputFrame } from './worker-messages.ts';

interface Waiting {
  readonly resolve: (result: StepResult) => void;
  readonly reject: (error: Error) => void;
}

/** Stages in worker threads of this process, linked port to port. */
export class LocalChain implements StageChain, AsyncDisposable {
  readonly stages: readonly StageInfo[];
  readonly #handles: readonly StageHandle[];
  readonly #toFirst: MessagePort;
  readonly #fromLast: MessagePort;
  readonly #waiting = new Map<number, Waiting>();
  #failure: Error | undefined;

  constructor(handles: readonly StageHandle[]) {
    this.#handles = handles;
    this.stages = handles.map((handle) => handle.info);
    const channels = Array.from({ length: handles.length + 1 }, () => new MessageChannel());
    for (const [index, handle] of handles.entries()) {
      handle.connect((channels[index] as MessageChannel).port2, (channels[index + 1] as MessageChannel).port1);
      handle.onLoss((error) => this.#fail(new StageError(`Stage ${index} is gone: ${error.message}`, { cause: error })));
    }
    this.#toFirst = (channels[0] as MessageChannel).port1;
    this.#fromLast = (channels.at(-1) as MessageChannel).port2;
    this.#fromLast.on('message', (frame: StageOutputFrame) => this.#onFrame(frame));
  }

  submit(step: Step): Promise<StepResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.set(step.id, { resolve, reject });
      const frame: StageInputFrame = { kind: 'step', step, timings: [] };
      this.#toFirst.postMessage(frame);
    });
  }

  #onFrame(frame: StageOutputFrame): void {
    if (frame.kind === 'result') {
      this.#waiting.get(frame.result.id)?.resolve(frame.result);
      this.#waiting.delete(frame.result.id);
    } else if (frame.kind === 'failure') {
      this.#fail(new StageError(frame.failure.message));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new StageError('The ring was taken down.'));
    await Promise.all(this.#handles.map((handle) => handle[Symbol.asyncDispose]()));
    this.#toFirst.close();
    this.#fromLast.close();
  }
}

/** Loads stages one after the other (each reads at full disk speed) and links them. On failure nothing stays loaded. */
export async function openLocalChain(
  stages: readonly StageOptions[],
  control: { readonly onProgress?: (fraction: number) => void; readonly signal?: AbortSignal } = {},
): Promise<LocalChain> {
  const handles: StageHandle[] = [];
  try {
    for (const [index, options] of stages.entries()) {
      const onProgress = (fraction: number): void => control.onProgress?.((index + fraction) / stages.length);
      handles.push(
        await loadStage(options, control.signal === undefined ? { onProgress } : { onProgress, signal: control.signal }),
      );
    }
  } catch (error) {
    await Promise.all(handles.map((handle) => handle[Symbol.asyncDispose]()));
    throw error;
  }
  return new LocalChain(handles);
}
