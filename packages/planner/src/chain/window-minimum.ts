/** The least of a sliding window over an array; both ends only move on. Infinities are never the least. */
export class WindowMinimum {
  readonly #values: Float64Array;
  /** Indices in the window, ascending, each with a value below all that come after it taken out. */
  readonly #queue: Int32Array;
  #head = 0;
  #tail = 0;

  constructor(values: Float64Array) {
    this.#values = values;
    this.#queue = new Int32Array(values.length);
  }

  include(index: number): void {
    const value = this.#values[index] as number;
    if (value === Infinity) return;
    while (this.#tail > this.#head && (this.#values[this.#queue[this.#tail - 1] as number] as number) > value) this.#tail -= 1;
    this.#queue[this.#tail] = index;
    this.#tail += 1;
  }

  dropBelow(index: number): void {
    while (this.#head < this.#tail && (this.#queue[this.#head] as number) < index) this.#head += 1;
  }

  /** Where the least is, the earliest of several; -1 for an empty window. */
  get index(): number {
    return this.#head < this.#tail ? (this.#queue[this.#head] as number) : -1;
  }
}
