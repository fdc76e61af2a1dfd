import type { Clock, StageChain, Step, StepResult } from '@pippa/core';

export interface StepOutcome {
  /** `elapsedMs`: from submission to result. `isAlone`: no other step was under way meanwhile that it could have waited for. */
  readonly onResult: (result: StepResult, elapsedMs: number, isAlone: boolean) => void;
  readonly onError: (error: unknown) => void;
}

interface UnderWay {
  readonly submittedMs: number;
  isAlone: boolean;
}

/** Steps under way through a chain. What comes back after `forget` or from an earlier chain is nobody's. */
export class StepFlight {
  readonly #clock: Clock;
  #chain: StageChain;
  /** Which chain a step belongs to. */
  #number = 0;
  /** The steps under way, oldest first. */
  #underWay: UnderWay[] = [];

  constructor(chain: StageChain, clock: Clock) {
    this.#chain = chain;
    this.#clock = clock;
  }

  get stages(): number {
    return this.#chain.stages.length;
  }

  get count(): number {
    return this.#underWay.length;
  }

  get oldestSinceMs(): number | undefined {
    return this.#underWay[0]?.submittedMs;
  }

  /** Steps under way are nobody's from here on. */
  forget(): void {
    this.#number += 1;
    this.#underWay = [];
  }

  /** Later steps go through this chain. */
  change(chain: StageChain): void {
    this.forget();
    this.#chain = chain;
  }

  submit(step: Step, { onResult, onError }: StepOutcome): void {
    const number = this.#number;
    const submitted: UnderWay = { submittedMs: this.#clock.nowMs(), isAlone: true };
    this.#underWay.push(submitted);
    if (this.#underWay.length > 1) for (const each of this.#underWay) each.isAlone = false;
    this.#chain.submit(step).then(
      (result) => {
        if (number !== this.#number) return;
        this.#underWay.shift();
        onResult(result, this.#clock.nowMs() - submitted.submittedMs, submitted.isAlone);
      },
      (error: unknown) => {
        if (number === this.#number) onError(error);
      },
    );
  }
}
