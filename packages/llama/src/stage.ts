import { Cleanup, errorMessage, GrammarError, type Sample, type Slot, type StageInfo, type Step } from '@pippa/core';
import koffi from 'koffi';
import { BatchBuffers } from './batch-buffers.ts';
import { openEngine, type Engine, type Pointer } from './engine.ts';
import { DecodeError, ModelLoadError, SlotStateError } from './errors.ts';
import { releaseFilePages } from './file-pages.ts';
import { GraphTap } from './graph-tap.ts';
import { loadModel, computeDevices, type LoadControl } from './model-loader.ts';
import { equalRowGroups, gatherRows, scatterRows, takeRows } from './row-groups.ts';
import { GrammarScratch } from './sampling/grammar.ts';
import { SlotSampler, type SamplerSurroundings } from './sampling/slot-sampler.ts';
import type { StageOptions } from './stage-options.ts';

/** LLAMA_MAX_SEQ of the pinned release. */
const MAX_ENGINE_SLOTS = 256;

/** What a stage hands on for a step. */
export type StageOutput =
  /** Not the last stage: the rows' hidden states, `rows * embeddingLength` floats, row by row. */
  | { readonly kind: 'hidden'; readonly hidden: Float32Array<ArrayBuffer> }
  | {
      readonly kind: 'samples';
      readonly samples: readonly Sample[];
      readonly samplerFailures: readonly { readonly slot: Slot; readonly message: string }[];
    };

/** The same of some rows, with an undefined sample for each output without a sampler. */
type RowsOutput =
  | Extract<StageOutput, { kind: 'hidden' }>
  | { readonly kind: 'samples'; readonly samples: readonly (Sample | undefined)[] };

/**
 * A shard with its KV cache, in the calling thread: every call blocks for as long as the engine computes. `stage-worker.ts` runs it
 * in a thread of its own.
 */
export class Stage implements Disposable {
  readonly info: StageInfo;
  readonly #engine: Engine;
  readonly #options: StageOptions;
  readonly #resources = new Cleanup();
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #buffers: BatchBuffers;
  readonly #isLast: boolean;
  readonly #tap: GraphTap | undefined;
  readonly #samplers = new Map<Slot, SlotSampler>();
  readonly #surroundings: SamplerSurroundings;
  readonly #logitViews = new Map<bigint, Float32Array>();
  /** Of a step that took several decode calls, by the step's rows. */
  readonly #keptLogits = new Map<number, Float32Array>();

  /** Loads the weights. Throws `ModelLoadError`, `LoadCancelledError`, `LibraryError`. */
  constructor(options: StageOptions, control: LoadControl = {}) {
    this.#options = options;
    this.#engine = openEngine();
    const cleanup = this.#resources;
    try {
      const engine = this.#engine;
      const onGpu = options.gpu === 'auto' && computeDevices().some((device) => device.kind === 'gpu');
      const model = loadModel(engine, options.source, { ...engine.modelDefaults(), n_gpu_layers: onGpu ? -1 : 0 }, control);
      cleanup.defer(() => engine.freeModel(model));
      if (options.source.kind === 'files' && !onGpu) releaseFilePages(options.source.paths);
      const isFirst = options.from === 0;
      const isLast = options.to === options.layerCount;
      const names = {
        output: isLast ? undefined : `${options.hiddenStateName}-${options.to - options.from - 1}`,
        input: isFirst ? undefined : options.hiddenInputName,
      };
      if (names.output !== undefined || names.input !== undefined) this.#tap = cleanup.use(new GraphTap(engine, names));
      this.#isLast = isLast;
      this.#context = this.#openContext(model, onGpu, isLast);
      cleanup.defer(() => engine.freeContext(this.#context));
      this.#memory = engine.memory(this.#context);
      const embeddingLength = engine.modelEmbedding(model);
      this.#buffers = cleanup.use(
        new BatchBuffers(options.maxRows, isFirst ? 0 : embeddingLength, isFirst ? 1 : options.positionsPerToken),
      );
      const vocabulary = engine.vocabulary(model);
      const vocabularySize = engine.vocabularySize(vocabulary);
      let grammarScratch: GrammarScratch | undefined;
      cleanup.defer(() => grammarScratch?.[Symbol.dispose]());
      this.#surroundings = {
        engine,
        vocabulary,
        endTokens: isLast ? endTokens(engine, vocabulary, vocabularySize) : new Set(),
        grammarScratch: () => (grammarScratch ??= new GrammarScratch(engine, vocabulary, vocabularySize)),
        scratchLogits: new Float32Array(isLast ? vocabularySize : 0),
      };
      cleanup.defer(() => this.#closeSamplers());
      this.info = {
        from: options.from,
        to: options.to,
        layerCount: options.layerCount,
        embeddingLength,
        vocabularySize,
        contextCells: engine.contextCells(this.#context),
        parallelSequences: options.parallelSequences,
        maxRows: options.maxRows,
        canTruncate: !(options.recurrent || engine.modelIsRecurrent(model) || engine.modelIsHybrid(model)),
        memoryBytes: options.expectedBytes,
        backend: onGpu ? (computeDevices()[0]?.name ?? 'GPU') : 'CPU',
      };
      this.#warmUp();
    } catch (error) {
      cleanup[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Applies the step's memory and sampler operations, decodes its rows and samples (last stage) or returns the hidden states.
   * `hidden`: the previous stage's output, `rows * embeddingLength` floats; left out on the first stage. Throws `DecodeError`.
   */
  run(step: Step, hidden?: Float32Array): StageOutput {
    for (const operation of step.memory) {
      if (operation.kind === 'copy')
        this.#engine.memoryCopy(this.#memory, operation.source, operation.target, operation.from, operation.to);
      else if (!this.#engine.memoryRemove(this.#memory, operation.slot, operation.from, operation.to)) {
        throw new DecodeError(`Positions from ${operation.from} of slot ${operation.slot} cannot be removed on their own.`);
      }
    }
    const samplerFailures = this.#isLast ? this.#changeSamplers(step) : [];
    this.#check(step, hidden);
    const produced = this.#options.recurrent ? this.#runGroups(step, hidden) : this.#runRows(step, hidden);
    if (produced.kind === 'hidden') return produced;
    return { kind: 'samples', samples: produced.samples.filter((sample) => sample !== undefined), samplerFailures };
  }

  #runRows(step: Step, hidden: Float32Array | undefined): RowsOutput {
    this.#fill(step, hidden);
    const rows = step.slots.length;
    const floats = rows * this.info.embeddingLength;
    const captured = new Float32Array(this.#isLast ? 0 : floats);
    const { embeddings } = this.#buffers;
    const injected = this.#options.from > 0 && this.#options.hiddenInputName !== undefined ? floats * 4 : 0;
    this.#tap?.begin(captured, new Uint8Array(embeddings.buffer, embeddings.byteOffset, injected));
    this.#decode(rows);
    if (this.#tap !== undefined && (this.#tap.filled !== captured.length || this.#tap.taken !== injected)) {
      throw new DecodeError(
        `The engine gave ${this.#tap.filled} and took ${this.#tap.taken / 4} hidden values for ${rows} rows of ${this.info.embeddingLength}.`,
      );
    }
    if (this.#isLast) return { kind: 'samples', samples: this.#sample(step) };
    return { kind: 'hidden', hidden: captured };
  }

  /** The same for a recurrent model, in as many decode calls as its micro-batches take. */
  #runGroups(step: Step, hidden: Float32Array | undefined): RowsOutput {
    const width = this.info.embeddingLength;
    const together = new Float32Array(this.#isLast ? 0 : step.slots.length * width);
    const samples = step.outputs.map((): Sample | undefined => undefined);
    this.#keptLogits.clear();
    for (const rows of equalRowGroups(step.slots)) {
      const part = takeRows(step, rows);
      const produced = this.#runRows(part.step, hidden === undefined ? undefined : gatherRows(hidden, rows, width));
      if (produced.kind === 'hidden') {
        scatterRows(produced.hidden, rows, together, width);
        continue;
      }
      for (const [place, output] of part.step.outputs.entries()) {
        samples[part.outputPlaces[place] as number] = produced.samples[place];
        // The next group overwrites the engine's own.
        this.#keptLogits.set(rows[output.row] as number, this.#logitsOf(output.row).slice());
      }
    }
    return this.#isLast ? { kind: 'samples', samples } : { kind: 'hidden', hidden: together };
  }

  /** The logits of a row flagged as output in the last step: a view that the next step overwrites. Last stage only. */
  logits(row: number): Float32Array {
    return this.#keptLogits.get(row) ?? this.#logitsOf(row);
  }

  /** Of a row of the last decode call. */
  #logitsOf(row: number): Float32Array {
    const pointer = this.#engine.logitsRow(this.#context, row);
    if (!pointer) throw new DecodeError(`Row ${row} of the last step has no logits.`);
    let view = this.#logitViews.get(pointer);
    if (view === undefined) {
      // The engine moves its output buffer when it grows: old addresses would pile up here.
      if (this.#logitViews.size > 2 * this.#options.parallelSequences + 2) this.#logitViews.clear();
      view = new Float32Array(koffi.view(pointer, this.info.vocabularySize * 4));
      this.#logitViews.set(pointer, view);
    }
    return view;
  }

  /**
   * What the slot's KV cache (and recurrent state) holds, in the engine's own form: about its tokens x the stage's KV bytes a token.
   * It is for a stage of the same model, layer range, cache types and engine release. `range`: these positions alone, `[from, to)`; not
   * of a recurrent state.
   */
  exportSlot(slot: Slot, range?: { readonly from: number; readonly to: number }): Uint8Array<ArrayBuffer> {
    if (range === undefined) return this.#readState(slot);
    const scratch = this.#requireScratch();
    // Shares the cells: nothing is copied.
    this.#engine.memoryCopy(this.#memory, slot, scratch, range.from, range.to);
    try {
      return this.#readState(scratch);
    } finally {
      this.#engine.memoryRemove(this.#memory, scratch, -1, -1);
    }
  }

  #readState(slot: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Number(this.#engine.stateBytes(this.#context, slot)));
    const written = Number(this.#engine.stateRead(this.#context, bytes, bytes.length, slot));
    if (written !== bytes.length) throw new SlotStateError(`The state of slot ${slot} could not be read.`);
    return bytes;
  }

  /**
   * Puts an exported state into the slot in place of what it holds, or behind its positions `[0, from)`; on failure the slot is left empty.
   * Throws `SlotStateError`. The engine checks the bytes against the model, but they become keys and values as they are: take them from
   * trusted nodes only.
   */
  importSlot(slot: Slot, bytes: Uint8Array, from = 0): void {
    if (slot < 0 || slot >= this.#options.parallelSequences) throw new SlotStateError(`There is no slot ${slot}.`);
    if (from === 0) {
      this.#engine.memoryRemove(this.#memory, slot, -1, -1);
      if (this.#writeState(slot, bytes)) return;
    } else {
      const scratch = this.#requireScratch();
      this.#engine.memoryRemove(this.#memory, slot, from, -1);
      if (this.#writeState(scratch, bytes)) {
        this.#engine.memoryCopy(this.#memory, scratch, slot, from, -1);
        this.#engine.memoryRemove(this.#memory, scratch, -1, -1);
        return;
      }
    }
    this.#engine.memoryRemove(this.#memory, slot, -1, -1);
    throw new SlotStateError(`${bytes.length} bytes are no state that slot ${slot} can hold.`, {
      hint: 'Replay the sequence: its tokens are known.',
    });
  }

  /** False: they were not taken, and the slot is empty. */
  #writeState(slot: number, bytes: Uint8Array): boolean {
    const taken = bytes.length === 0 ? -1 : Number(this.#engine.stateWrite(this.#context, bytes, bytes.length, slot));
    if (taken === bytes.length) return true;
    this.#engine.memoryRemove(this.#memory, slot, -1, -1);
    return false;
  }

  /** A slot behind the others that holds parts of them while they come or go. */
  #requireScratch(): number {
    if (!hasScratch(this.#options)) throw new SlotStateError('Only whole slots of this model can be carried elsewhere.');
    return this.#options.parallelSequences;
  }

  /** Forgets all that the KV cache holds and closes every sampler: the stage is as it was when it was loaded. */
  reset(): void {
    this.#closeSamplers();
    this.#engine.memoryClear(this.#memory, true);
  }

  [Symbol.dispose](): void {
    this.#logitViews.clear();
    this.#resources[Symbol.dispose]();
  }

  #openContext(model: Pointer, onGpu: boolean, isLast: boolean): Pointer {
    const options = this.#options;
    const slots = options.parallelSequences + (hasScratch(options) ? 1 : 0);
    const context = this.#engine.newContext(model, {
      ...this.#engine.contextDefaults(),
      n_ctx: options.contextCells,
      n_batch: options.maxRows,
      n_ubatch: options.maxRows,
      n_seq_max: slots,
      // The last stage needs the logits of one row a sequence; the others must flag every row, or the last layer prunes them.
      n_outputs_max: isLast ? Math.min(options.maxRows, slots) : options.maxRows,
      n_threads: options.threads,
      n_threads_batch: options.threads,
      offload_kqv: onGpu,
      op_offload: onGpu,
      kv_unified: options.ownCells !== true,
      cb_eval: this.#tap?.callback ?? null,
    });
    if (!context) {
      throw new ModelLoadError(`No memory for a context of ${options.contextCells} tokens.`, {
        hint: 'Choose a smaller --context or --parallel.',
      });
    }
    return context;
  }

  #check(step: Step, hidden: Float32Array | undefined): void {
    const rows = step.slots.length;
    if (rows === 0 || rows > this.#options.maxRows)
      throw new DecodeError(`A step of ${rows} rows: the stage takes 1 to ${this.#options.maxRows}.`);
    if (this.#options.from > 0 && hidden?.length !== rows * this.info.embeddingLength)
      throw new DecodeError('The hidden states do not fit the rows of the step.');
  }

  #fill(step: Step, hidden: Float32Array | undefined): void {
    const rows = step.slots.length;
    const buffers = this.#buffers;
    const axes = buffers.positions.length / this.#options.maxRows;
    // Text on several axes: the same position on three, 0 on the fourth, as the engine itself spreads the positions of tokens.
    for (let axis = 0; axis < Math.min(axes, 3); axis += 1) buffers.positions.set(step.positions, axis * rows);
    if (axes > 3) buffers.positions.fill(0, 3 * rows, axes * rows);
    buffers.slots.set(step.slots);
    if (this.#options.from === 0) {
      buffers.tokens.set(step.tokens);
    } else if (hidden !== undefined) {
      buffers.embeddings.set(hidden);
    }
    if (this.#isLast) {
      buffers.outputs.fill(0, 0, rows);
      for (const output of step.outputs) buffers.outputs[output.row] = 1;
    } else {
      buffers.outputs.fill(1, 0, rows);
    }
  }

  #decode(rows: number): void {
    const status = this.#engine.decode(this.#context, this.#buffers.batch(rows));
    if (status === 0) return;
    throw new DecodeError(status === 1 ? 'The KV cache has no room for the step.' : `llama_decode failed with status ${status}.`);
  }

  #changeSamplers(step: Step): { slot: Slot; message: string }[] {
    const failures: { slot: Slot; message: string }[] = [];
    for (const operation of step.samplers) {
      this.#samplers.get(operation.slot)?.[Symbol.dispose]();
      this.#samplers.delete(operation.slot);
      if (operation.kind === 'close') continue;
      try {
        this.#samplers.set(
          operation.slot,
          new SlotSampler(operation.settings, operation.history, operation.generatedTokens, this.#surroundings),
        );
      } catch (error) {
        if (!(error instanceof GrammarError)) throw error;
        failures.push({ slot: operation.slot, message: errorMessage(error) });
      }
    }
    return failures;
  }

  #sample(step: Step): (Sample | undefined)[] {
    return step.outputs.map(({ row, slot, logprobs }) =>
      this.#samplers.get(slot)?.sample(this.#logitsOf(row), slot, (step.positions[row] as number) + 1, logprobs),
    );
  }

  /** One row through the graph: faults in the weights and sets up the compute buffers, so that the first real step is not slow. */
  #warmUp(): void {
    const one = new Int32Array(1);
    const step: Step = {
      id: 0,
      epoch: 0,
      memory: [],
      samplers: [],
      slots: one,
      positions: one,
      tokens: one,
      outputs: [{ row: 0, slot: 0 as Slot, logprobs: -1 }],
    };
    this.run(step, this.#options.from === 0 ? undefined : new Float32Array(this.info.embeddingLength));
    this.#engine.synchronize(this.#context);
    this.#engine.memoryClear(this.#memory, true);
  }

  #closeSamplers(): void {
    for (const sampler of this.#samplers.values()) sampler[Symbol.dispose]();
    this.#samplers.clear();
  }
}

/** A recurrent state cannot be cut; a slot with cells of its own shares none with the scratch; and the engine has room for so many slots and no more, and wants a row of outputs for each. */
function hasScratch({ recurrent, parallelSequences, maxRows, ownCells }: StageOptions): boolean {
  return !recurrent && ownCells !== true && parallelSequences < Math.min(MAX_ENGINE_SLOTS, maxRows);
}

function endTokens(engine: Engine, vocabulary: Pointer, size: number): ReadonlySet<number> {
  const tokens = new Set<number>();
  for (let token = 0; token < size; token += 1) if (engine.isEnd(vocabulary, token)) tokens.add(token);
  return tokens;
}
