import type { Lane } from '@pippa/core';
import type { Sequence } from './sequence.ts';

/**
 * Requests that wait for a slot: interactive ones first, each lane in the order of arrival. A sequence that lost its slot is older than
 * those who have not had one, so it comes before them.
 */
export class WaitingLine {
  readonly #urgent: Sequence[] = [];
  readonly #batch: Sequence[] = [];
  readonly #batchAgeingMs: number;
  readonly #waiting: Record<Lane, number> = { interactive: 0, batch: 0 };

  constructor(batchAgeingMs: number) {
    this.#batchAgeingMs = batchAgeingMs;
  }

  get length(): number {
    return this.#urgent.length + this.#batch.length;
  }

  /** How many requests of a lane wait. */
  lengthOf(lane: Lane): number {
    return this.#waiting[lane];
  }

  add(sequence: Sequence): void {
    this.#waiting[sequence.request.lane] += 1;
    insertByAge(sequence.urgent ? this.#urgent : this.#batch, sequence);
  }

  /** The first for which `isReady` holds. A batch request that waited too long is urgent from here on. */
  next(nowMs: number, isReady: (sequence: Sequence) => boolean): Sequence | undefined {
    for (const sequence of this.#batch.filter((each) => nowMs - each.waitingSinceMs >= this.#batchAgeingMs)) {
      remove(this.#batch, sequence);
      sequence.urgent = true;
      sequence.waitsFor = undefined;
      insertByAge(this.#urgent, sequence);
    }
    return this.#urgent.find(isReady) ?? this.#batch.find(isReady);
  }

  remove(sequence: Sequence): void {
    if (remove(this.#urgent, sequence) || remove(this.#batch, sequence)) this.#waiting[sequence.request.lane] -= 1;
  }

  all(): Sequence[] {
    return [...this.#urgent, ...this.#batch];
  }
}

function insertByAge(line: Sequence[], sequence: Sequence): void {
  // Newcomers go to the end, so the search from there is short.
  line.splice(line.findLastIndex((other) => other.id < sequence.id) + 1, 0, sequence);
}

function remove(line: Sequence[], sequence: Sequence): boolean {
  const index = line.indexOf(sequence);
  if (index >= 0) line.splice(index, 1);
  return index >= 0;
}
