import type { Sequence } from './sequence.ts';

/** Requests that wait for a slot: interactive ones first, in the order of arrival; batch ones that waited long count as interactive. */
export class WaitingLine {
  readonly #sequences: Sequence[] = [];
  readonly #batchAgeingMs: number;

  constructor(batchAgeingMs: number) {
    this.#batchAgeingMs = batchAgeingMs;
  }

  get length(): number {
    return this.#sequences.length;
  }

  add(sequence: Sequence): void {
    this.#sequences.push(sequence);
  }

  /** A preempted sequence goes before everybody who has not run yet. */
  addFirst(sequence: Sequence): void {
    this.#sequences.unshift(sequence);
  }

  next(nowMs: number): Sequence | undefined {
    const urgent = (sequence: Sequence): boolean =>
      sequence.request.lane === 'interactive' || sequence.generated > 0 || nowMs - sequence.arrivedMs >= this.#batchAgeingMs;
    return this.#sequences.find(urgent) ?? this.#sequences[0];
  }

  remove(sequence: Sequence): void {
    const index = this.#sequences.indexOf(sequence);
    if (index >= 0) this.#sequences.splice(index, 1);
  }

  drain(): Sequence[] {
    return this.#sequences.splice(0);
  }
}
