import type { z } from 'zod';
import type { benchFiguresSchema } from '../operations/bench-operation.ts';
import type { RingReport } from '../operations/ring-operations.ts';

/** One placement's figures. */
export interface BenchResult {
  readonly kind: 'measured';
  /** Its full name. */
  readonly model: string;
  /** A stage each: `studio 0-10`, layers counted from 0. */
  readonly placement: readonly string[];
  readonly stages: RingReport['stages'];
  /** Streams that are written at once; more wait for their turn. */
  readonly parallelSequences: number;
  readonly predictedRate: number;
  /** Until the first answer was possible, milliseconds; undefined: it was up already. */
  readonly swapMs: number | undefined;
  readonly figures: z.output<typeof benchFiguresSchema>;
  /** Other rings of the model that were up at the end. */
  readonly otherRings: number;
}

/** A placement that could not be had, or did not last. */
export interface BenchFailure {
  readonly kind: 'failed';
  /** What was asked for: `3 stages`, `studio, air`. */
  readonly asked: string;
  readonly error: string;
  readonly hint: string | undefined;
}

export type BenchOutcome = BenchResult | BenchFailure;

export function measuredOf(outcomes: readonly BenchOutcome[]): readonly BenchResult[] {
  return outcomes.filter((outcome) => outcome.kind === 'measured');
}

/** Share that the placement's decoding is of the one that runs whole on a node; undefined where none was measured. */
export function shareOfSolo(result: BenchResult, outcomes: readonly BenchOutcome[]): number | undefined {
  const solo = measuredOf(outcomes).find(({ stages }) => stages.length === 1);
  return solo === undefined || solo.figures.decodeRate <= 0 ? undefined : result.figures.decodeRate / solo.figures.decodeRate;
}
