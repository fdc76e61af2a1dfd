import type { StageTiming } from '@pippa/core';
import type { StepEntry } from './step-builder.ts';

/** Weight of the newest measurement in running averages. */
const AVERAGE_WEIGHT = 0.2;
/** Steps with fewer prompt rows say little about the speed of prefill. */
const MIN_MEASURED_ROWS = 16;
/** Steps of one token whose times are kept of each stage. */
const STAGE_TIMES = 33;
/** How far back the token rate looks. */
const RATE_WINDOW_MS = 10_000;

export interface SpeedSnapshot {
  /** Generated tokens a second over all sequences, averaged over the last 10 s. */
  readonly tokensPerSecond: number;
  /** Prompt rows a second while prompts are computed, all stages busy; 0 before the first measurement. */
  readonly prefillTokensPerSecond: number;
  /**
   * From submission to result of steps that only decode, by how many rows they carried (up to the next power of two); of those that
   * waited for other steps on their way only while there are no others.
   */
  readonly decodeStepMs: readonly { readonly rows: number; readonly ms: number }[];
  /** What each stage took lately for a step of one token, medians in milliseconds; empty before the first such step. */
  readonly stageMs: readonly number[];
}

/** Running averages over the steps that came back. */
export class StepStatistics {
  readonly #decodeStepMs = new Map<number, StepTime>();
  #prefillMsPerRow: number | undefined;
  #slowestStageMsPerRow: number | undefined;
  /** The last steps of one token, stage by stage. */
  #stageTimes: number[][] = [];
  #tokenRate = 0;
  #ratedMs: number | undefined;
  #requestMs: number | undefined;

  /** Compute time of one prompt row over all stages; undefined before the first measurement. */
  get prefillMsPerRow(): number | undefined {
    return this.#prefillMsPerRow;
  }

  /** From admission to end of the requests that got done; undefined before the first. */
  get requestMs(): number | undefined {
    return this.#requestMs;
  }

  /** When the last token came; undefined before the first. */
  get lastTokenMs(): number | undefined {
    return this.#ratedMs;
  }

  /** `elapsedMs`: from submission to result. `isAlone`: it waited for no other one on its way. */
  addStep(
    entries: readonly StepEntry[],
    timings: readonly StageTiming[],
    { elapsedMs, isAlone }: { readonly elapsedMs: number; readonly isAlone: boolean },
  ): void {
    let promptRows = 0;
    let decodeRows = 0;
    for (const { isDecode, count } of entries) {
      if (isDecode) decodeRows += 1;
      else promptRows += count;
    }
    if (promptRows === 0) {
      if (decodeRows === 1) this.#addStageTimes(timings);
      const bucket = 2 ** Math.ceil(Math.log2(decodeRows));
      this.#decodeStepMs.set(bucket, timeOf(this.#decodeStepMs.get(bucket), { ms: elapsedMs, isAlone }));
    } else if (promptRows >= MIN_MEASURED_ROWS && timings.length > 0) {
      let total = 0;
      let slowest = 0;
      for (const { computeMs } of timings) {
        total += computeMs;
        slowest = Math.max(slowest, computeMs);
      }
      this.#prefillMsPerRow = average(this.#prefillMsPerRow, total / promptRows);
      this.#slowestStageMsPerRow = average(this.#slowestStageMsPerRow, slowest / promptRows);
    }
  }

  /** Other stages: what was measured of the old ones says nothing of them. */
  forgetStages(): void {
    this.#decodeStepMs.clear();
    this.#stageTimes = [];
  }

  #addStageTimes(timings: readonly StageTiming[]): void {
    for (const [stage, { computeMs }] of timings.entries()) {
      const times = (this.#stageTimes[stage] ??= []);
      times.push(computeMs);
      if (times.length > STAGE_TIMES) times.shift();
    }
  }

  addTokens(count: number, nowMs: number): void {
    this.#tokenRate = this.#decayedRate(nowMs) + (count * 1000) / RATE_WINDOW_MS;
    this.#ratedMs = nowMs;
  }

  addRequest(durationMs: number): void {
    this.#requestMs = average(this.#requestMs, durationMs);
  }

  snapshot(nowMs: number): SpeedSnapshot {
    const perRow = this.#slowestStageMsPerRow ?? 0;
    return {
      tokensPerSecond: this.#decayedRate(nowMs),
      prefillTokensPerSecond: perRow > 0 ? 1000 / perRow : 0,
      decodeStepMs: [...this.#decodeStepMs].map(([rows, { ms }]) => ({ rows, ms })).sort((a, b) => a.rows - b.rows),
      stageMs: this.#stageTimes.map(median),
    };
  }

  #decayedRate(nowMs: number): number {
    return this.#tokenRate * Math.exp(((this.#ratedMs ?? nowMs) - nowMs) / RATE_WINDOW_MS);
  }
}

interface StepTime {
  readonly ms: number;
  readonly isAlone: boolean;
}

/** What steps take that wait for others says more of the load than of the ring. */
function timeOf(before: StepTime | undefined, newest: StepTime): StepTime {
  if (before === undefined || (newest.isAlone && !before.isAlone)) return newest;
  if (before.isAlone && !newest.isAlone) return before;
  return { ...newest, ms: average(before.ms, newest.ms) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function average(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + AVERAGE_WEIGHT * (newest - before);
}
