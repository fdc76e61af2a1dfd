import koffi from 'koffi';
import type { Pointer } from './engine.ts';
import type { Batch } from './structs.ts';

/** Native arrays of one `llama_batch`, allocated once for the largest step and filled in place: a step costs no allocation. */
export class BatchBuffers implements Disposable {
  readonly tokens: Int32Array;
  readonly positions: Int32Array;
  readonly slots: Int32Array;
  readonly outputs: Int8Array;
  /** Empty on a stage whose input is tokens. */
  readonly embeddings: Float32Array;
  readonly #pointers: Pointer[] = [];
  readonly #batch: Batch;

  /** `embeddingLength` 0: the input is tokens. */
  constructor(maxRows: number, embeddingLength: number, positionsPerToken: number) {
    const tokens = this.#allocate(maxRows * 4);
    const positions = this.#allocate(maxRows * 4 * positionsPerToken);
    const slots = this.#allocate(maxRows * 4);
    const slotCounts = this.#allocate(maxRows * 4);
    const slotPointers = this.#allocate(maxRows * 8);
    const outputs = this.#allocate(maxRows);
    const embeddings = embeddingLength > 0 ? this.#allocate(maxRows * embeddingLength * 4) : undefined;
    this.tokens = new Int32Array(tokens.view);
    this.positions = new Int32Array(positions.view);
    this.slots = new Int32Array(slots.view);
    this.outputs = new Int8Array(outputs.view);
    this.embeddings = embeddings === undefined ? new Float32Array(0) : new Float32Array(embeddings.view);
    new Int32Array(slotCounts.view).fill(1);
    const first = koffi.address(slots.pointer);
    const pointers = new BigUint64Array(slotPointers.view);
    for (let row = 0; row < maxRows; row += 1) pointers[row] = first + BigInt(row * 4);
    this.#batch = {
      n_tokens: 0,
      token: embeddings === undefined ? tokens.pointer : null,
      embd: embeddings?.pointer ?? null,
      pos: positions.pointer,
      n_seq_id: slotCounts.pointer,
      seq_id: slotPointers.pointer,
      logits: outputs.pointer,
    };
  }

  /** The batch of the first `rows` rows. */
  batch(rows: number): Batch {
    this.#batch.n_tokens = rows;
    return this.#batch;
  }

  #allocate(bytes: number): { pointer: Pointer; view: ArrayBuffer } {
    const pointer = koffi.alloc('uint8', bytes) as Pointer;
    this.#pointers.push(pointer);
    return { pointer, view: koffi.view(pointer, bytes) };
  }

  [Symbol.dispose](): void {
    for (const pointer of this.#pointers.splice(0)) koffi.free(pointer);
  }
}
