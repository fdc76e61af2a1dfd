import { Cleanup, type Pooling } from '@pippa/core';
import koffi from 'koffi';
import { BatchBuffers } from '../batch-buffers.ts';
import { openEngine, type Engine, type Pointer } from '../engine.ts';
import { DecodeError, ModelLoadError } from '../errors.ts';
import { computeDevices, loadModel, type LoadControl } from '../model-loader.ts';
import { tokenizeText } from '../tokenize-text.ts';
import type { EmbedderInfo, EmbedderOptions } from './embedder-options.ts';
import { LastTokenTap } from './last-token-tap.ts';
import { normalise } from './normalise.ts';
import { PairFormat } from './pair-format.ts';

/** Texts of one call: the engine's own limit is 256 sequences; past this a batch is full of tokens anyway. */
const MAX_TEXTS = 64;

/** `enum llama_pooling_type`; -1: as the model says, 0: none. */
const POOLING_BY_TYPE: ReadonlyMap<number, Pooling> = new Map([
  [1, 'mean'],
  [2, 'cls'],
  [3, 'last'],
  [4, 'rank'],
]);
const TYPE_AS_THE_MODEL_SAYS = -1;
const TYPE_NONE = 0;
const TYPES = { mean: 1, last: 3 } as const;

/** A whole model that makes vectors of texts, in the calling thread: every call blocks for as long as the engine computes. */
export class Embedder implements Disposable {
  readonly info: EmbedderInfo;
  readonly #engine: Engine;
  readonly #resources = new Cleanup();
  readonly #context: Pointer;
  /** Where only last tokens count: takes their vectors. */
  readonly #tap: LastTokenTap | undefined;
  /** Null: an encoder, which sees a text whole. */
  readonly #memory: Pointer | null;
  readonly #vocabulary: Pointer;
  readonly #buffers: BatchBuffers;
  readonly #pairs: PairFormat;
  /** Numbers that come out for a text. */
  readonly #width: number;

  /** Loads the weights. Throws `ModelLoadError`, `LoadCancelledError`, `LibraryError`. */
  constructor(options: EmbedderOptions, control: LoadControl = {}) {
    const engine = openEngine();
    this.#engine = engine;
    const cleanup = this.#resources;
    try {
      const onGpu = options.gpu === 'auto' && computeDevices().some((device) => device.kind === 'gpu');
      const params = { ...engine.modelDefaults(), n_gpu_layers: onGpu ? -1 : 0 };
      const model = loadModel(engine, { kind: 'files', paths: options.paths }, params, control);
      cleanup.defer(() => engine.freeModel(model));
      const { context, pooling, tap } = openContext(engine, model, options, onGpu);
      this.#context = context;
      if (tap !== undefined) cleanup.use(tap);
      this.#tap = tap;
      cleanup.defer(() => engine.freeContext(context));
      this.#memory = engine.memoryIfAny(context);
      this.#vocabulary = engine.vocabulary(model);
      this.#buffers = cleanup.use(new BatchBuffers(options.maxRows, 0, 1));
      this.#pairs = new PairFormat(engine, model);
      this.#width = pooling === 'rank' ? engine.modelClassOutputs(model) : engine.modelEmbeddingOut(model);
      // An encoder, and whatever takes the mean, must see a text in one go; the last token alone can be reached step by step.
      const inSteps = this.#memory !== null && pooling === 'last';
      this.info = {
        dimensions: engine.modelEmbeddingOut(model),
        contextTokens: inSteps ? options.contextTokens : Math.min(options.contextTokens, options.maxRows),
        vocabularySize: engine.vocabularySize(this.#vocabulary),
        pooling,
        maxRows: options.maxRows,
        maxTexts: maxTexts(options),
        backend: onGpu ? (computeDevices()[0]?.name ?? 'GPU') : 'CPU',
      };
    } catch (error) {
      cleanup[Symbol.dispose]();
      throw error;
    }
  }

  /** With the begin and end tokens that the model wants around a text. */
  tokenize(text: string): Int32Array<ArrayBuffer> {
    return tokenizeText(this.#engine, this.#vocabulary, text, { addSpecial: true, parseSpecial: false });
  }

  /** A query and a document as a reranker wants to see them. */
  tokenizePair(query: string, document: string): Int32Array<ArrayBuffer> {
    return this.#pairs.tokenize(query, document);
  }

  /**
   * One vector of length 1 a text, in their order; of a reranker its scores, as they come. Texts have at least one token, all of them
   * together at most `maxRows`, unless there is just one: then at most `contextTokens`. Throws `DecodeError`.
   */
  run(texts: readonly Int32Array[]): Float32Array<ArrayBuffer>[] {
    const [first] = texts;
    const rows = texts.reduce((sum, tokens) => sum + tokens.length, 0);
    if (first === undefined || texts.length > this.info.maxTexts || texts.some((tokens) => tokens.length === 0)) {
      throw new DecodeError(`A batch of ${texts.length} texts, or an empty one: the embedder takes 1 to ${this.info.maxTexts}.`);
    }
    // What the engine would do with more is to end the process.
    if (rows > (texts.length === 1 ? this.info.contextTokens : this.info.maxRows)) {
      throw new DecodeError(`A batch of ${rows} tokens is more than the embedder takes.`);
    }
    if (this.#memory !== null) this.#engine.memoryClear(this.#memory, false);
    if (texts.length === 1) {
      for (let from = 0; from < first.length; from += this.info.maxRows)
        this.#decode([first.subarray(from, from + this.info.maxRows)], from, from + this.info.maxRows >= first.length);
    } else {
      this.#decode(texts, 0, true);
    }
    return texts.map((_, index) => this.#result(index));
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  /** `isEnd`: the texts' last tokens are among these. */
  #decode(texts: readonly Int32Array[], position: number, isEnd: boolean): void {
    const { outputs } = this.#buffers;
    let row = 0;
    // Pooling looks at every row; the tap at the last of each text alone.
    outputs.fill(this.#tap === undefined ? 1 : 0, 0, this.info.maxRows);
    for (const [slot, tokens] of texts.entries()) {
      this.#buffers.tokens.set(tokens, row);
      this.#buffers.slots.fill(slot, row, row + tokens.length);
      for (let index = 0; index < tokens.length; index += 1) this.#buffers.positions[row + index] = position + index;
      row += tokens.length;
      if (isEnd) outputs[row - 1] = 1;
    }
    this.#tap?.begin(isEnd ? texts.length : 0);
    const status = this.#engine.decode(this.#context, this.#buffers.batch(row));
    if (status !== 0) throw new DecodeError(`llama_decode failed with status ${status}.`);
  }

  #result(slot: number): Float32Array<ArrayBuffer> {
    if (this.#tap !== undefined) return normalise(this.#tap.vector(slot));
    const pointer = this.#engine.embeddingsOf(this.#context, slot);
    if (!pointer) throw new DecodeError('The engine gave no vector for a text.');
    const vector = new Float32Array(koffi.view(pointer, this.#width * 4)).slice();
    return this.info.pooling === 'rank' ? vector : normalise(vector);
  }
}

/** The engine keeps room for one output a sequence, and has room for one a row. */
const maxTexts = ({ maxRows }: EmbedderOptions): number => Math.min(MAX_TEXTS, maxRows);

function openContext(
  engine: Engine,
  model: Pointer,
  options: EmbedderOptions,
  onGpu: boolean,
): { readonly context: Pointer; readonly pooling: Pooling; readonly tap?: LastTokenTap } {
  const open = (type: number, tap?: LastTokenTap): Pointer => {
    const context = engine.newContext(model, {
      ...engine.contextDefaults(),
      // Room for a batch of many texts too.
      n_ctx: Math.max(options.contextTokens, options.maxRows),
      n_batch: options.maxRows,
      n_ubatch: options.maxRows,
      n_seq_max: maxTexts(options),
      n_threads: options.threads,
      n_threads_batch: options.threads,
      offload_kqv: onGpu,
      op_offload: onGpu,
      kv_unified: true,
      embeddings: tap === undefined,
      pooling_type: type,
      ...(tap === undefined ? {} : { n_outputs_max: maxTexts(options), cb_eval: tap.callback }),
    });
    if (context) return context;
    throw new ModelLoadError(`No memory to embed texts of ${options.contextTokens} tokens.`, {
      hint: 'Choose a smaller --context.',
    });
  };
  const wanted = options.pooling === undefined ? TYPE_AS_THE_MODEL_SAYS : TYPES[options.pooling];
  const context = open(wanted);
  const pooling = POOLING_BY_TYPE.get(engine.poolingType(context));
  const isEncoder = engine.memoryIfAny(context) === null;
  if (pooling !== undefined && (pooling !== 'last' || isEncoder)) return { context, pooling };
  engine.freeContext(context);
  // The file does not say: the last token has seen the whole text where tokens see only what is before them, else all of them have.
  if (isEncoder) return { context: open(TYPES.mean), pooling: 'mean' };
  return { pooling: 'last', ...openTapped(engine, model, open) };
}

/** A context for last tokens: with a tap where the model's graph is one that can be tapped, which is tried out with one token. */
function openTapped(
  engine: Engine,
  model: Pointer,
  open: (type: number, tap?: LastTokenTap) => Pointer,
): { readonly context: Pointer; readonly tap?: LastTokenTap } {
  const width = engine.modelEmbedding(model);
  // Models with a state are computed in another order of rows; of others the vector is not what comes out of the last norm.
  const isUsual = !engine.modelIsRecurrent(model) && !engine.modelIsHybrid(model) && engine.modelEmbeddingOut(model) === width;
  if (!isUsual) return { context: open(TYPES.last) };
  const tap = new LastTokenTap(engine, width);
  const buffers = new BatchBuffers(1, 0, 1);
  let context: Pointer | undefined;
  let works = false;
  try {
    context = open(TYPE_NONE, tap);
    buffers.tokens[0] = 0;
    buffers.positions[0] = 0;
    buffers.slots[0] = 0;
    buffers.outputs[0] = 1;
    tap.begin(1);
    works = engine.decode(context, buffers.batch(1)) === 0 && tap.isFilled;
    if (works) return { context, tap };
  } finally {
    buffers[Symbol.dispose]();
    if (!works) {
      if (context !== undefined) engine.freeContext(context);
      tap[Symbol.dispose]();
    }
  }
  return { context: open(TYPES.last) };
}
