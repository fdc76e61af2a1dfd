import type { Sequence } from './sequence.ts';
import { prefillChunkRows, type ConductorSettings } from './settings.ts';

/** Rows of one sequence in a step: its tokens `[from, from + count)`; `wantsToken`: the last row's next token is sampled. */
export interface PlannedRows {
  readonly sequence: Sequence;
  readonly from: number;
  readonly count: number;
  readonly wantsToken: boolean;
}

export interface StepLimits {
  readonly stages: number;
  readonly maxRows: number;
}

/**
 * What goes into the next step. Decode tokens always ride, so a long prompt never stalls them; prompts fill the rest in chunks.
 * Decoding sequences are dealt over as many steps as there are stages: while one group is in the last stage, the next is in the
 * first. Pure: it reads the sequences and decides.
 */
export function planStep(running: readonly Sequence[], settings: ConductorSettings, limits: StepLimits): PlannedRows[] {
  const isolated = settings.fixedPrefillRows !== undefined;
  const decoding = running.filter((sequence) => !sequence.isPrefilling);
  const ready = decoding.filter((sequence) => sequence.stepsInFlight === 0 && sequence.pendingRows === 1);
  const groupSize = isolated ? 1 : Math.ceil(decoding.length / limits.stages);
  const rows: PlannedRows[] = ready
    .toSorted((a, b) => a.submitted - a.request.prompt.length - (b.submitted - b.request.prompt.length))
    .slice(0, Math.min(groupSize, limits.maxRows))
    .map((sequence) => ({ sequence, from: sequence.submitted, count: 1, wantsToken: true }));
  if (isolated && rows.length > 0) return rows;
  const prompts = running
    .filter((sequence) => sequence.isPrefilling && sequence.pendingRows > 0)
    // Interactive before batch, then the one that is soonest done: short prompts do not wait behind long ones.
    .toSorted((a, b) => laneRank(a) - laneRank(b) || a.pendingRows - b.pendingRows);
  let budget = limits.maxRows - rows.length;
  for (const sequence of prompts) {
    // All prompts of a step share one chunk's worth of rows: it is the step's length that the others feel.
    const chunk = prefillChunkRows(settings, sequence.request.prompt, limits.stages, decoding.length > 0);
    budget = Math.min(budget, chunk);
    const count = Math.min(sequence.pendingRows, budget);
    if (count <= 0) break;
    rows.push({ sequence, from: sequence.submitted, count, wantsToken: count === sequence.pendingRows });
    budget -= count;
    if (isolated) break;
  }
  return rows;
}

function laneRank(sequence: Sequence): number {
  return sequence.request.lane === 'interactive' ? 0 : 1;
}
