import koffi from 'koffi';
import { openEngine } from '@pippa/llama';
import { BatchBuffers } from '../../../packages/llama/src/batch-buffers.ts';
import { BENCH_MODEL } from './bench-model.ts';

type Engine = ReturnType<typeof openEngine>;
type Pointer = ReturnType<Engine['memory']>;

export interface BareRow {
  readonly slot: number;
  readonly position: number;
  readonly token: number;
}

/** llama.cpp and nothing else: what the project's own layers are measured against. Everything blocks the calling thread. */
export class BareEngine implements Disposable {
  readonly #engine = openEngine();
  readonly #model: Pointer;
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #buffers: BatchBuffers;

  constructor(
    path: string,
    options: { readonly threads: number; readonly cells: number; readonly sequences: number; readonly maxRows: number },
  ) {
    const engine = this.#engine;
    const model = engine.loadModel(path, { ...engine.modelDefaults(), n_gpu_layers: 0 });
    if (!model) throw new Error(`${path} could not be loaded.`);
    this.#model = model;
    const context = engine.newContext(model, {
      ...engine.contextDefaults(),
      n_ctx: options.cells,
      n_batch: options.maxRows,
      n_ubatch: options.maxRows,
      n_seq_max: options.sequences,
      n_threads: options.threads,
      n_threads_batch: options.threads,
      offload_kqv: false,
      op_offload: false,
      kv_unified: true,
    });
    if (!context) throw new Error('No memory for the context.');
    this.#context = context;
    this.#memory = engine.memory(context);
    this.#buffers = new BatchBuffers(options.maxRows, 0, 1);
  }

  /** One batch; the logits of the rows named in `outputs` can be looked at after it. */
  decode(rows: readonly BareRow[], outputs: readonly number[]): void {
    const buffers = this.#buffers;
    buffers.outputs.fill(0, 0, rows.length);
    for (const [index, row] of rows.entries()) {
      buffers.tokens[index] = row.token;
      buffers.positions[index] = row.position;
      buffers.slots[index] = row.slot;
    }
    for (const row of outputs) buffers.outputs[row] = 1;
    const status = this.#engine.decode(this.#context, buffers.batch(rows.length));
    if (status !== 0) throw new Error(`llama_decode failed with status ${status}.`);
  }

  /** The likeliest token after a row of the last batch. */
  likeliest(row: number): number {
    const pointer = this.#engine.logitsRow(this.#context, row);
    if (!pointer) throw new Error(`Row ${row} has no logits.`);
    const logits = new Float32Array(koffi.view(pointer, BENCH_MODEL.vocabularySize * 4));
    let best = 0;
    for (let token = 1; token < logits.length; token += 1) if ((logits[token] as number) > (logits[best] as number)) best = token;
    return best;
  }

  clear(): void {
    this.#engine.memoryClear(this.#memory, false);
  }

  /** A prompt in batches of at most `chunk` rows; returns the first token. */
  prefill(prompt: readonly number[], chunk: number, slot = 0): number {
    for (let from = 0; from < prompt.length; from += chunk) {
      const rows = prompt.slice(from, from + chunk).map((token, index) => ({ slot, position: from + index, token }));
      this.decode(rows, from + rows.length === prompt.length ? [rows.length - 1] : []);
    }
    return this.likeliest((prompt.length - 1) % chunk);
  }

  /** Milliseconds that `count` more tokens of one stream take. */
  generate(first: number, position: number, count: number): number {
    let token = first;
    const started = performance.now();
    for (let index = 0; index < count; index += 1) {
      this.decode([{ slot: 0, position: position + index, token }], [0]);
      token = this.likeliest(0);
    }
    return performance.now() - started;
  }

  [Symbol.dispose](): void {
    this.#buffers[Symbol.dispose]();
    this.#engine.freeContext(this.#context);
    this.#engine.freeModel(this.#model);
  }
}
