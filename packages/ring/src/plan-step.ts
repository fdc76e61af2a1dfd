import { PREFILL_TILE_ROWS, prefillRows, type PrefillCircumstances } from './prefill-rows.ts';
import type { Sequence } from './sequence.ts';

/** What the planner looks at in a sequence. */
export type StepCandidate = Pick<
  Sequence,
  | 'id'
  | 'urgent'
  | 'promptLength'
  | 'submitted'
  | 'prefillFrom'
  | 'prefillTo'
  | 'isPrefilling'
  | 'isReadyToDecode'
  | 'lastStep'
  | 'admittedMs'
>;

/** Rows of one sequence in a step: its tokens `[submitted, submitted + count)`. */
export interface PlannedRows<Candidate> {
  readonly sequence: Candidate;
  readonly count: number;
  readonly isDecode: boolean;
  /** The token after the last row is sampled. */
  readonly wantsToken: boolean;
}

export interface StepCircumstances extends PrefillCircumstances {
  /** Decoding sequences are dealt over this many steps, so that no stage waits for another one's group. */
  readonly groups: number;
  readonly maxRows: number;
  readonly nowMs: number;
}

/**
 * What goes into the next step; empty: no step. Decode tokens always ride, so that a long prompt never stalls them; prompts fill the
 * rest in chunks, several of one prompt under way at once. While one group of decoding sequences is in the last stage, the next one
 * is in the first. Pure: reads the sequences and decides.
 */
export function planStep<Candidate extends StepCandidate>(
  running: readonly Candidate[],
  circumstances: StepCircumstances,
): PlannedRows<Candidate>[] {
  const prompts = running.filter((sequence) => sequence.isPrefilling);
  const ready = running.filter((sequence) => sequence.isReadyToDecode);
  if (circumstances.settings.fixedShapes?.decodeGroups === 'alone') return planAlone([...ready, ...prompts], circumstances);
  const decoding = running.length - prompts.length;
  // With as many decoding sequences as rows, prompts would never get in.
  const keptForPrompts = prompts.length > 0 ? Math.min(PREFILL_TILE_ROWS, circumstances.maxRows >> 1) : 0;
  const groupRows = Math.min(Math.ceil(decoding / circumstances.groups), circumstances.maxRows - keptForPrompts);
  const group = ready.length > groupRows ? ready.toSorted(longestUnserved).slice(0, groupRows) : ready;
  const rows = group.map((sequence) => decodeRow(sequence));
  if (prompts.length > 0) rows.push(...planPrompts(prompts, decoding > 0, circumstances.maxRows - rows.length, circumstances));
  return rows;
}

/** One sequence a step, in turn. */
function planAlone<Candidate extends StepCandidate>(
  candidates: readonly Candidate[],
  circumstances: StepCircumstances,
): PlannedRows<Candidate>[] {
  const next = candidates.toSorted(longestUnserved)[0];
  if (next === undefined) return [];
  return [next.isPrefilling ? fixedChunk(next, circumstances.maxRows, circumstances) : decodeRow(next)];
}

/**
 * Interactive prompts go before batch ones, then the one that is soonest done: a short prompt does not wait behind a long one. A
 * quarter of the rows always goes to the oldest, so that short ones do not starve a long one either.
 */
function planPrompts<Candidate extends StepCandidate>(
  prompts: readonly Candidate[],
  othersDecode: boolean,
  freeRows: number,
  circumstances: StepCircumstances,
): PlannedRows<Candidate>[] {
  const { settings, nowMs } = circumstances;
  const rank = (sequence: Candidate): number =>
    sequence.urgent || nowMs - (sequence.admittedMs ?? nowMs) >= settings.batchAgeingMs ? 0 : 1;
  const order = prompts.toSorted((a, b) => rank(a) - rank(b) || remaining(a) - remaining(b) || a.id - b.id);
  const first = order[0] as Candidate;
  if (settings.fixedShapes !== undefined) return [fixedChunk(first, freeRows, circumstances)];

  const promptRows = prompts.reduce((sum, sequence) => sum + sequence.prefillTo - sequence.prefillFrom, 0);
  const wanted = prefillRows(promptRows, othersDecode, circumstances);
  let budget = wanted <= freeRows ? wanted : wholeTiles(freeRows);
  let slack = Math.min(freeRows - budget, PREFILL_TILE_ROWS / 2);

  const oldest = order.filter((sequence) => rank(sequence) === rank(first)).reduce((a, b) => (b.id < a.id ? b : a));
  let share = oldest === first ? 0 : Math.min(remaining(oldest), Math.ceil(budget / 4));
  if (oldest !== first) moveBehindEquals(order, oldest, rank);
  budget -= share;
  const rows: PlannedRows<Candidate>[] = [];
  for (const sequence of order) {
    if (sequence === oldest) {
      budget += share;
      share = 0;
    }
    let count = Math.min(budget, remaining(sequence));
    // A few rows more cost less than one more step for them.
    const missing = remaining(sequence) - count;
    if (count > 0 && missing <= slack) {
      count += missing;
      slack -= missing;
      budget += missing;
    }
    if (count === 0) continue;
    rows.push(chunk(sequence, count));
    budget -= count;
  }
  return rows;
}

function moveBehindEquals<Candidate>(order: Candidate[], moved: Candidate, rank: (candidate: Candidate) => number): void {
  order.splice(order.indexOf(moved), 1);
  order.splice(order.findLastIndex((candidate) => rank(candidate) === rank(moved)) + 1, 0, moved);
}

/** The chunk does not depend on what else there is. What was decoded before a preemption is replayed as it was: row by row. */
function fixedChunk<Candidate extends StepCandidate>(
  sequence: Candidate,
  freeRows: number,
  { settings }: StepCircumstances,
): PlannedRows<Candidate> {
  const promptLeft = sequence.promptLength - sequence.submitted;
  const rows = promptLeft > 0 ? Math.min(settings.fixedShapes?.prefillRows ?? 1, promptLeft) : 1;
  return chunk(sequence, Math.min(rows, freeRows));
}

function chunk<Candidate extends StepCandidate>(sequence: Candidate, count: number): PlannedRows<Candidate> {
  return { sequence, count, isDecode: false, wantsToken: count === remaining(sequence) };
}

function decodeRow<Candidate>(sequence: Candidate): PlannedRows<Candidate> {
  return { sequence, count: 1, isDecode: true, wantsToken: true };
}

function remaining(sequence: StepCandidate): number {
  return sequence.prefillTo - sequence.submitted;
}

function longestUnserved(a: StepCandidate, b: StepCandidate): number {
  return a.lastStep - b.lastStep || a.id - b.id;
}

/** `rows` without the part of a tile at its end, unless there is no whole one. */
function wholeTiles(rows: number): number {
  return rows - (rows % PREFILL_TILE_ROWS) || rows;
}
