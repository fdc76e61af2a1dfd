import koffi from 'koffi';
import type { Engine, Pointer } from './engine.ts';
import { EvalCallback } from './structs.ts';

export interface GraphTapNames {
  /** Node whose value is copied out; the graph stops there. */
  readonly output: string | undefined;
  /** Node whose value is replaced. */
  readonly input: string | undefined;
}

/**
 * Where a stage reaches into the compute graph. It copies the output of its last layer and stops the graph there: the final norm and
 * the head of a stage that is not last are never computed. And where the graph changes what enters it, as if it were an embedding, it
 * puts the hidden states in place of the changed ones. The engine asks about every node; only these are answered with true.
 */
export class GraphTap implements Disposable {
  readonly callback: bigint;
  readonly #engine: Engine;
  readonly #names: GraphTapNames;
  #input: Uint8Array = new Uint8Array(0);
  #target: Float32Array = new Float32Array(0);
  #filled = 0;
  #taken = 0;

  constructor(engine: Engine, names: GraphTapNames) {
    this.#engine = engine;
    this.#names = names;
    this.callback = koffi.register((tensor: Pointer, ask: boolean) => this.#onNode(tensor, ask), koffi.pointer(EvalCallback));
  }

  /**
   * What the next decode call captures goes to `target`, and `input` (the bytes of hidden states) into the graph; a step that the engine
   * cuts into several graphs uses both in order.
   */
  begin(target: Float32Array, input: Uint8Array): void {
    this.#target = target;
    this.#input = input;
    this.#filled = 0;
    this.#taken = 0;
  }

  /** Floats captured since `begin`. */
  get filled(): number {
    return this.#filled;
  }

  /** Bytes of input put into the graph since `begin`. */
  get taken(): number {
    return this.#taken;
  }

  #onNode(tensor: Pointer, ask: boolean): boolean {
    const name = this.#engine.tensorName(tensor);
    if (ask) return name === this.#names.output || name === this.#names.input;
    const bytes = Number(this.#engine.tensorBytes(tensor));
    // A callback must not throw into native code: a misfit is left for the caller, who compares `filled` and `taken`.
    if (name === this.#names.input) {
      if (this.#taken + bytes <= this.#input.length) {
        this.#engine.tensorSet(tensor, this.#input.subarray(this.#taken, this.#taken + bytes), 0, bytes);
      }
      this.#taken += bytes;
      return true;
    }
    const floats = bytes / 4;
    if (this.#filled + floats <= this.#target.length) {
      this.#engine.tensorGet(tensor, this.#target.subarray(this.#filled, this.#filled + floats), 0, bytes);
    }
    this.#filled += floats;
    return false;
  }

  [Symbol.dispose](): void {
    koffi.unregister(this.callback);
  }
}
