/** A minute of heartbeats. */
const SAMPLES = 240;

/** The last round trips of a link, milliseconds. */
export class RoundTrips {
  readonly #samples: number[] = [];
  #next = 0;
  #summary: { readonly p50: number; readonly p99: number } | undefined;

  add(durationMs: number): void {
    this.#samples[this.#next] = Math.max(0, durationMs);
    this.#next = (this.#next + 1) % SAMPLES;
    this.#summary = undefined;
  }

  get count(): number {
    return this.#samples.length;
  }

  /** Both 0 before the first. */
  get summary(): { readonly p50: number; readonly p99: number } {
    if (this.#summary === undefined) {
      const sorted = this.#samples.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      this.#summary = { p50: at(0.5), p99: at(0.99) };
    }
    return this.#summary;
  }
}
