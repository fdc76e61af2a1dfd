/** What a link does to packets, one way. */
export interface LinkCondition {
  readonly delayMs: number;
  /** 0: every packet arrives; 1: none does, and neither end is told. */
  readonly lostShare: number;
}

const FIELDS = 2;

/** The conditions between machines, in memory that the thread with the packets reads. */
export class LinkConditions {
  readonly shared: SharedArrayBuffer;
  readonly #values: Float64Array;
  readonly #machines: number;

  constructor(machines: number, shared = new SharedArrayBuffer(machines * machines * FIELDS * Float64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#values = new Float64Array(shared);
    this.#machines = machines;
  }

  set(from: number, to: number, { delayMs, lostShare }: LinkCondition): void {
    this.#values.set([delayMs, lostShare], this.#at(from, to));
  }

  delayMs(from: number, to: number): number {
    return this.#values[this.#at(from, to)] ?? 0;
  }

  lostShare(from: number, to: number): number {
    return this.#values[this.#at(from, to) + 1] ?? 0;
  }

  #at(from: number, to: number): number {
    return (from * this.#machines + to) * FIELDS;
  }
}
