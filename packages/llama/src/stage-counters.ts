/** What a stage's thread counts, for whoever looks from another one. */
export class StageCounters {
  readonly shared: SharedArrayBuffer;
  readonly #steps: Uint32Array;
  readonly #handlingMs: Float64Array;

  constructor(shared = new SharedArrayBuffer(16)) {
    this.shared = shared;
    this.#handlingMs = new Float64Array(shared, 0, 1);
    this.#steps = new Uint32Array(shared, 8, 1);
  }

  get steps(): number {
    return Atomics.load(this.#steps, 0);
  }

  get handlingMs(): number {
    return this.#handlingMs[0] ?? 0;
  }

  addHandling(ms: number): void {
    this.#handlingMs[0] = this.handlingMs + ms;
  }

  addStep(): void {
    Atomics.add(this.#steps, 0, 1);
  }
}
