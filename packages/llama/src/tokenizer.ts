import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { StoppedError, type TokenId, type Tokenizer } from '@pippa/core';
import { openEngine } from './engine.ts';
import { ModelLoadError } from './errors.ts';
import { reviveFailure } from './worker-failure.ts';
import { workerUrl } from './worker-url.ts';
import type { TokenizerReport, TokenizeRequest } from './tokenizer-worker.ts';
import type { VocabularyTable } from './vocabulary.ts';

const CONTROL_FLAG = 1;
const END_FLAG = 2;

/** A model's tokenizer: pieces are looked up here, texts are tokenized in a worker thread. */
export type OpenTokenizer = Tokenizer & AsyncDisposable;

/** `path`: a GGUF file, the first of a split model. Throws `ModelLoadError`. */
export async function openTokenizer(path: string): Promise<OpenTokenizer> {
  openEngine();
  const worker = new Worker(workerUrl('tokenizer-worker'), { workerData: { path }, name: 'tokenizer' });
  let tokenizer: WorkerTokenizer | undefined;
  const table = await new Promise<VocabularyTable>((resolve, reject) => {
    worker.on('message', (report: TokenizerReport) => {
      if (report.kind === 'table') resolve(report.table);
      else if (report.kind === 'failed') reject(reviveFailure(report.failure));
      else tokenizer?.deliver(report.id, report.tokens);
    });
    worker.on('error', (error: Error) => {
      reject(error);
      tokenizer?.fail(error);
    });
    worker.on('exit', (code) => {
      reject(new ModelLoadError(`The tokenizer's thread ended with code ${code}.`));
      tokenizer?.fail(new StoppedError('The tokenizer has stopped.'));
    });
  });
  tokenizer = new WorkerTokenizer(worker, table);
  return tokenizer;
}

class WorkerTokenizer implements OpenTokenizer {
  readonly vocabularySize: number;
  readonly beginOfSequence: TokenId | undefined;
  readonly endOfSequence: TokenId | undefined;
  readonly addBeginOfSequence: boolean;
  readonly #worker: Worker;
  readonly #table: VocabularyTable;
  readonly #waiting = new Map<number, { resolve: (tokens: Int32Array) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  #closed = false;

  constructor(worker: Worker, table: VocabularyTable) {
    this.#worker = worker;
    this.#table = table;
    this.vocabularySize = table.size;
    this.beginOfSequence = table.beginOfSequence < 0 ? undefined : table.beginOfSequence;
    this.endOfSequence = table.endOfSequence < 0 ? undefined : table.endOfSequence;
    this.addBeginOfSequence = table.addBeginOfSequence;
  }

  deliver(id: number, tokens: Int32Array): void {
    this.#waiting.get(id)?.resolve(tokens);
    this.#waiting.delete(id);
  }

  tokenize(text: string, options: { readonly addSpecial: boolean; readonly parseSpecial: boolean }): Promise<Int32Array> {
    if (this.#closed) return Promise.reject(new StoppedError('The tokenizer has stopped.'));
    return new Promise((resolve, reject) => {
      const request: TokenizeRequest = { id: (this.#nextId += 1), text, ...options };
      this.#waiting.set(request.id, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  piece(token: TokenId, special = false): Uint8Array {
    const { bytes, offsets, specialBytes, specialOffsets } = this.#table;
    return special
      ? specialBytes.subarray(specialOffsets[token], specialOffsets[token + 1])
      : bytes.subarray(offsets[token], offsets[token + 1]);
  }

  isControl(token: TokenId): boolean {
    return ((this.#table.flags[token] ?? 0) & CONTROL_FLAG) !== 0;
  }

  isEndOfGeneration(token: TokenId): boolean {
    return ((this.#table.flags[token] ?? 0) & END_FLAG) !== 0;
  }

  fail(error: Error): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage('close');
    await exited;
  }
}
