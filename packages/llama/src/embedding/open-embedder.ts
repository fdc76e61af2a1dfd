import {
  InvalidInputError,
  OverloadedError,
  PromptTooLongError,
  type EmbeddingInput,
  type Embeddings,
  type EmbedOptions,
  type Pooling,
  type Ranking,
  type TextEmbedder,
} from '@pippa/core';
import { EmbedderThread } from './embedder-thread.ts';
import type { EmbedderInfo, EmbedderOptions } from './embedder-options.ts';
import { takeBatch, type WaitingText } from './plan-batch.ts';

/** Texts that may wait over all requests: minutes of work on a CPU; more is told to come back. */
const MAX_WAITING_TEXTS = 16_384;
const RETRY_AFTER_SECONDS = 5;

export interface OpenEmbedder extends TextEmbedder, AsyncDisposable {
  readonly info: EmbedderInfo;
  /** Its thread has ended: every call fails from now on. */
  readonly isGone: boolean;
}

/** Loads a whole model into a thread of its own, to make vectors with. Throws what `Embedder` throws, or the signal's reason. */
export async function openEmbedder(
  options: EmbedderOptions,
  control: { readonly onProgress?: (fraction: number) => void; readonly signal?: AbortSignal } = {},
): Promise<OpenEmbedder> {
  return new QueuedEmbedder(await EmbedderThread.open(options, control));
}

interface Request {
  /** What waits. */
  readonly texts: WaitingText[];
  readonly vectors: Float32Array[];
  missing: number;
  readonly resolve: (vectors: readonly Float32Array[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** Gathers the texts of all requests into batches for the thread. */
class QueuedEmbedder implements OpenEmbedder {
  readonly info: EmbedderInfo;
  readonly dimensions: number;
  readonly contextTokens: number;
  readonly pooling: Pooling;
  readonly #thread: EmbedderThread;
  readonly #requests = new Set<Request>();
  #running = false;

  constructor(thread: EmbedderThread) {
    this.#thread = thread;
    this.info = thread.info;
    this.dimensions = thread.info.dimensions;
    this.contextTokens = thread.info.contextTokens;
    this.pooling = thread.info.pooling;
  }

  get isGone(): boolean {
    return this.#thread.hasEnded;
  }

  async embed(inputs: readonly EmbeddingInput[], options: EmbedOptions): Promise<Embeddings> {
    options.signal.throwIfAborted();
    if (this.pooling === 'rank') {
      throw new InvalidInputError('This model is a reranker: it scores documents and makes no vectors. Ask it at /v1/rerank.', {
        path: 'model',
      });
    }
    this.#requireRoom(inputs.length);
    const texts = inputs.filter((input) => typeof input === 'string');
    const tokenized = (await this.#thread.tokenize(texts)).values();
    const tokens = inputs.map((input, index) => {
      const given = typeof input === 'string' ? (tokenized.next().value ?? new Int32Array(0)) : this.#checked(input, index);
      return this.#fitting(given, options, `input[${index}]`);
    });
    return { vectors: await this.#run(tokens, options.signal), promptTokens: countTokens(tokens) };
  }

  async rank(query: string, documents: readonly string[], options: EmbedOptions): Promise<Ranking> {
    options.signal.throwIfAborted();
    if (this.pooling !== 'rank') {
      throw new InvalidInputError('This model makes vectors and is no reranker. Ask it at /v1/embeddings.', { path: 'model' });
    }
    this.#requireRoom(documents.length);
    const tokens = (await this.#thread.tokenizePairs(query, documents)).map((pair, index) =>
      this.#fitting(pair, options, `documents[${index}]`),
    );
    const scores = await this.#run(tokens, options.signal);
    return { scores: scores.map((score) => score[0] ?? 0), promptTokens: countTokens(tokens) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  #requireRoom(count: number): void {
    let waiting = 0;
    for (const request of this.#requests) waiting += request.texts.length;
    if (waiting + count > MAX_WAITING_TEXTS) {
      throw new OverloadedError(`${waiting} texts are waiting already.`, RETRY_AFTER_SECONDS);
    }
  }

  #checked(tokens: readonly number[], index: number): Int32Array {
    const wrong = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= this.info.vocabularySize);
    if (wrong === undefined) return Int32Array.from(tokens);
    throw new InvalidInputError(`The token ${wrong} is not in the model's vocabulary of ${this.info.vocabularySize}.`, {
      path: `input[${index}]`,
    });
  }

  #fitting(tokens: Int32Array, { truncate }: EmbedOptions, path: string): Int32Array {
    if (tokens.length === 0) throw new InvalidInputError('There is nothing to embed: the text has no tokens.', { path });
    const most = this.contextTokens;
    if (tokens.length <= most) return tokens;
    if (truncate !== true) throw new PromptTooLongError(tokens.length, most);
    // The end token stays: some models put everything into its vector.
    const cut = tokens.slice(0, most);
    cut[most - 1] = tokens.at(-1) ?? 0;
    return cut;
  }

  #run(tokens: readonly Int32Array[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    if (tokens.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const texts = tokens.map((each, index) => ({ tokens: each, index }));
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        this.#requests.delete(request);
        act();
      };
      const request: Request = {
        texts,
        vectors: new Array<Float32Array>(tokens.length),
        missing: tokens.length,
        resolve: (vectors) => settle(() => resolve(vectors)),
        reject: (reason) => settle(() => reject(reason)),
      };
      const onAbort = (): void => request.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#requests.add(request);
      void this.#drive();
    });
  }

  /** Sends one batch after the other for as long as texts wait. */
  async #drive(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      const batch = takeBatch(this.#requests, this.info);
      if (batch.length === 0) break;
      try {
        const vectors = await this.#thread.run(batch.map(({ text }) => text.tokens));
        for (const [place, { request, text }] of batch.entries()) {
          const vector = vectors[place];
          if (vector !== undefined) request.vectors[text.index] = vector;
          request.missing -= 1;
          if (request.missing === 0) request.resolve(request.vectors);
        }
      } catch (error) {
        for (const { request } of batch) request.reject(error);
      }
    }
    this.#running = false;
  }
}

const countTokens = (texts: readonly Int32Array[]): number => texts.reduce((sum, tokens) => sum + tokens.length, 0);
