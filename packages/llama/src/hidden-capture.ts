import koffi from 'koffi';
import type { Engine, Pointer } from './engine.ts';
import { EvalCallback } from './structs.ts';

/**
 * Copies the output of a stage's last layer out of the compute graph and stops the graph there: the final norm and the head of a
 * stage that is not last are never computed. The engine asks about every node; only one is answered with true.
 */
export class HiddenCapture implements Disposable {
  readonly callback: bigint;
  readonly #engine: Engine;
  readonly #wantedName: string;
  #target: Float32Array = new Float32Array(0);
  #filled = 0;

  constructor(engine: Engine, wantedName: string) {
    this.#engine = engine;
    this.#wantedName = wantedName;
    this.callback = koffi.register((tensor: Pointer, ask: boolean) => this.#onNode(tensor, ask), koffi.pointer(EvalCallback));
  }

  /** What the next decode call captures goes to `target`; a step that the engine cuts into several graphs fills it in order. */
  begin(target: Float32Array): void {
    this.#target = target;
    this.#filled = 0;
  }

  /** Floats captured since `begin`. */
  get filled(): number {
    return this.#filled;
  }

  #onNode(tensor: Pointer, ask: boolean): boolean {
    if (ask) return this.#engine.tensorName(tensor) === this.#wantedName;
    const floats = Number(this.#engine.tensorBytes(tensor)) / 4;
    // A callback must not throw into native code: a misfit is left for the caller, who compares `filled`.
    if (this.#filled + floats <= this.#target.length) {
      this.#engine.tensorGet(tensor, this.#target.subarray(this.#filled, this.#filled + floats), 0, floats * 4);
    }
    this.#filled += floats;
    return false;
  }

  [Symbol.dispose](): void {
    koffi.unregister(this.callback);
  }
}
