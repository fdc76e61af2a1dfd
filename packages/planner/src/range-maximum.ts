/** The largest value of any range, in constant time: a table of the maxima of all ranges whose length is a power of two. */
export class RangeMaximum {
  readonly #levels: readonly Float64Array[];

  constructor(values: readonly number[]) {
    const levels = [Float64Array.from(values)];
    for (let width = 1; 2 * width <= values.length; width *= 2) {
      const narrower = levels.at(-1) ?? new Float64Array();
      levels.push(
        Float64Array.from({ length: values.length - 2 * width + 1 }, (_, start) =>
          Math.max(narrower[start] ?? 0, narrower[start + width] ?? 0),
        ),
      );
    }
    this.#levels = levels;
  }

  /** Of the values `[from, to)`; 0 for an empty range. */
  of(from: number, to: number): number {
    if (to <= from) return 0;
    const level = 31 - Math.clz32(to - from);
    const maxima = this.#levels[level];
    return Math.max(maxima?.[from] ?? 0, maxima?.[to - (1 << level)] ?? 0);
  }
}
