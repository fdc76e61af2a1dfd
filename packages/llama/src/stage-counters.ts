/** Width of a bucket of times. */
const BUCKET_MS = 0.02;
/** The last one takes all that is longer: 20 ms. */
const BUCKETS = 1000;

/** What a stage's thread counts, for whoever looks from another one. */
export class StageCounters {
  readonly shared: SharedArrayBuffer;
  /** Steps by what handling them took. */
  readonly #buckets: Uint32Array;

  constructor(shared = new SharedArrayBuffer(BUCKETS * 4)) {
    this.shared = shared;
    this.#buckets = new Uint32Array(shared);
  }

  get steps(): number {
    return this.#buckets.reduce((sum, count) => sum + count, 0);
  }

  /** Of all steps; 0 before the first. */
  get medianHandlingMs(): number {
    const half = this.steps / 2;
    let seen = 0;
    const bucket = this.#buckets.findIndex((count) => (seen += count) >= half);
    return seen === 0 ? 0 : (bucket + 0.5) * BUCKET_MS;
  }

  addStep(handlingMs: number): void {
    Atomics.add(this.#buckets, Math.min(BUCKETS - 1, Math.floor(handlingMs / BUCKET_MS)), 1);
  }
}
