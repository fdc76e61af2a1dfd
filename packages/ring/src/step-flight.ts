import type { Clock, StageChain, Step, StepResult } from '@pippa/core';

export interface StepOutcome {
  /** `elapsedMs`: from submission to result. */
  readonly onResult: (result: StepResult, elapsedMs: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Steps under way through a chain. What comes back after `forget` or from an earlier chain is nobody's. */
export class StepFlight {
  readonly #clock: Clock;
  #chain: StageChain;
  /** Which chain a step belongs to. */
  #number = 0;
  /** When each step under way was submitted, oldest first. */
  #submittedMs: number[] = [];

  constructor(chain: StageChain, clock: Clock) {
    this.#chain = chain;
    this.#clock = clock;
  }

  get stages(): number {
    return this.#chain.stages.length;
  }

  get count(): number {
    return this.#submittedMs.length;
  }

  get oldestSinceMs(): number | undefined {
    return this.#submittedMs[0];
  }

  /** Steps under way are nobody's from here on. */
  forget(): void {
    this.#number += 1;
    this.#submittedMs = [];
  }

  /** Later steps go through this chain. */
  change(chain: StageChain): void {
    this.forget();
    this.#chain = chain;
  }

  submit(step: Step, { onResult, onError }: StepOutcome): void {
    const number = this.#number;
    const submittedMs = this.#clock.nowMs();
    this.#submittedMs.push(submittedMs);
    this.#chain.submit(step).then(
      (result) => {
        if (number !== this.#number) return;
        this.#submittedMs.shift();
        onResult(result, this.#clock.nowMs() - submittedMs);
      },
      (error: unknown) => {
        if (number === this.#number) onError(error);
      },
    );
  }
}
