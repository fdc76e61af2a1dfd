import type { RingTiming, StageTiming } from '@pippa/core';

/** Sums over the steps that carried one sequence: where its time goes, stage by stage. */
export class SequenceTiming {
  #steps = 0;
  #stepMs = 0;
  readonly #stageMs: number[] = [];

  /** `elapsedMs`: from submission to result. */
  add(timings: readonly StageTiming[], elapsedMs: number): void {
    this.#steps += 1;
    this.#stepMs += elapsedMs;
    for (const [stage, { computeMs }] of timings.entries()) this.#stageMs[stage] = (this.#stageMs[stage] ?? 0) + computeMs;
  }

  total(): RingTiming {
    return { steps: this.#steps, stepMs: this.#stepMs, stageMs: [...this.#stageMs] };
  }
}
