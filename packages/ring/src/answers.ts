import { GrammarError, StageError, type Clock, type EndReason, type Sample, type StepResult } from '@pippa/core';
import type { Roster } from './roster.ts';
import type { Sequence } from './sequence.ts';
import { endEvent, tokenEvent } from './sequence-events.ts';
import type { SlotMark } from './slot-table.ts';
import type { StepEntry } from './step-builder.ts';
import type { StepStatistics } from './step-statistics.ts';
import type { Tally } from './tally.ts';

export interface AnswersParts {
  readonly roster: Roster;
  readonly statistics: StepStatistics;
  readonly tally: Tally;
  readonly clock: Clock;
}

export type Outcome =
  | { readonly kind: 'completed' }
  | { readonly kind: 'cancelled'; readonly reason: unknown }
  | { readonly kind: 'rejected' | 'failed'; readonly reason: Error };

/** Gives consumers what the steps bring, and ends their sequences. */
export class Answers {
  readonly #parts: AnswersParts;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** What came of a step. Throws `StageError` when a token is missing. */
  take(
    { entries, marks }: { readonly entries: readonly StepEntry[]; readonly marks: readonly SlotMark[] },
    { samples, samplerFailures, timings }: StepResult,
    elapsedMs: number,
  ): void {
    this.#parts.roster.commit(marks);
    let sampled = 0;
    for (const { sequence, slot, stay, wantsToken } of entries) {
      const sample = wantsToken && samples[sampled]?.slot === slot ? samples[sampled] : undefined;
      if (sample !== undefined) sampled += 1;
      // It ended or lost its place while the step was under way: the result is nobody's.
      if (sequence.stay !== stay) continue;
      sequence.stepsInFlight -= 1;
      sequence.timing.add(timings, elapsedMs);
      const failure = samplerFailures.find((each) => each.slot === slot);
      if (failure !== undefined) this.finish(sequence, { kind: 'failed', reason: new GrammarError(failure.message) });
      else if (sample !== undefined) this.#accept(sequence, sample);
      else if (wantsToken) throw new StageError(`The last stage gave no token for slot ${slot}.`);
    }
  }

  /** It came to its end. */
  complete(sequence: Sequence, reason: EndReason): void {
    const { clock, statistics } = this.#parts;
    const nowMs = clock.nowMs();
    sequence.events.push(endEvent(sequence, reason, nowMs));
    statistics.addRequest(nowMs - (sequence.admittedMs ?? nowMs));
    this.finish(sequence, { kind: 'completed' });
  }

  /** Ends a sequence wherever it is; its slot is free from the next step on. */
  finish(sequence: Sequence, outcome: Outcome): void {
    if (sequence.ended) return;
    sequence.ended = true;
    this.#parts.tally[outcome.kind] += 1;
    if (outcome.kind === 'completed') sequence.events.end();
    else sequence.events.fail(outcome.reason);
    this.#parts.roster.remove(sequence);
    sequence.onEnded?.();
  }

  #accept(sequence: Sequence, sample: Sample): void {
    const { clock, statistics, tally, roster } = this.#parts;
    const { request, tokens } = sequence;
    const nowMs = clock.nowMs();
    sequence.firstTokenMs ??= nowMs;
    // A grammar decides itself where a text ends.
    const ignoresEnd = request.sampler.ignoreEndOfGeneration === true && request.sampler.grammar === undefined;
    if (sample.endOfGeneration && !ignoresEnd) {
      this.complete(sequence, 'end');
      return;
    }
    const event = tokenEvent(sequence, sample);
    tokens.push(sample.token);
    sequence.generated += 1;
    tally.generatedTokens += 1;
    statistics.addTokens(1, nowMs);
    sequence.events.push(event);
    if (sequence.generated >= request.maxTokens) this.complete(sequence, 'length');
    else if (tokens.length >= roster.contextTokens) this.complete(sequence, 'context');
  }
}
