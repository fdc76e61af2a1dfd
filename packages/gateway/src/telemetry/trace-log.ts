import type { TraceRecorder } from './trace.ts';

/** The last requests' traces, oldest dropped first. Of several requests with one id, the latest is found. */
export class TraceLog {
  readonly #capacity: number;
  readonly #recorders = new Map<string, TraceRecorder>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(recorder: TraceRecorder): void {
    // Deleted first, so that the order of the map is that of arrival.
    this.#recorders.delete(recorder.id);
    this.#recorders.set(recorder.id, recorder);
    if (this.#recorders.size <= this.#capacity) return;
    for (const oldest of this.#recorders.keys()) {
      this.#recorders.delete(oldest);
      return;
    }
  }

  get(id: string): TraceRecorder | undefined {
    return this.#recorders.get(id);
  }

  /** Newest first. */
  latest(count: number): readonly TraceRecorder[] {
    return [...this.#recorders.values()].slice(-count).toReversed();
  }
}
