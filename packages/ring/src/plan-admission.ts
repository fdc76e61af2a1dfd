import { cellsAhead, mostExpendable } from './cell-demand.ts';
import type { CellLedger } from './cell-ledger.ts';
import { choosePlacement, type Placement, type PlacementRules } from './choose-placement.ts';
import type { Sequence } from './sequence.ts';
import type { SlotState } from './slot-table.ts';

export interface AdmissionCircumstances {
  readonly running: readonly Sequence[];
  readonly slots: readonly SlotState[];
  readonly ledger: Pick<CellLedger, 'heldBy'>;
  readonly contextCells: number;
  readonly contextTokens: number;
  /** Cells kept free for the growth of each sequence. */
  readonly marginTokens: number;
  readonly rules: PlacementRules;
}

export type AdmissionDecision =
  | { readonly kind: 'admit'; readonly placement: Placement }
  /** Batch work gives way to an interactive request; then ask again. */
  | { readonly kind: 'preempt'; readonly victim: Sequence }
  /** Another sequence is computing the same beginning: once it is at position `until`, copying is cheaper than computing it twice. */
  | { readonly kind: 'follow'; readonly leader: Sequence; readonly until: number }
  /** No slot or no cells until somebody leaves. */
  | { readonly kind: 'wait' };

/** A sequence waits for another one's prefill when that saves at least this many rows. */
const MIN_FOLLOW_TOKENS = 32;

/** What becomes of the first in the line. Pure. */
export function decideAdmission(candidate: Sequence, circumstances: AdmissionCircumstances): AdmissionDecision {
  const { running, slots, rules } = circumstances;
  const placement = choosePlacement(slots, candidate.tokens, rules);
  if (placement !== undefined) {
    const followed = findLeader(candidate, placement.cached, running, rules);
    if (followed !== undefined) return { kind: 'follow', ...followed };
    const shared = placement.source?.owner === undefined ? 0 : placement.cached;
    if (running.length === 0 || fits(candidate, running, shared, circumstances)) return { kind: 'admit', placement };
  }
  if (!candidate.urgent) return { kind: 'wait' };
  const victim = mostExpendable(running.filter((sequence) => !sequence.urgent));
  // Pushing batch work out must be of use: the interactive work that stays has to leave enough.
  const staying = running.filter((sequence) => sequence.urgent);
  if (victim === undefined || (staying.length > 0 && !fits(candidate, staying, 0, circumstances))) return { kind: 'wait' };
  return { kind: 'preempt', victim };
}

/**
 * Cells without an owner can always be had. Those of `others`, those they still need, and some for everybody to grow must leave enough
 * for the newcomer, which shares `shared` cells with one of them.
 */
function fits(candidate: Sequence, others: readonly Sequence[], shared: number, circumstances: AdmissionCircumstances): boolean {
  const held = circumstances.ledger.heldBy(others.flatMap((sequence) => sequence.slot?.index ?? []));
  const ahead = others.reduce((sum, sequence) => sum + cellsAhead(sequence) + growth(sequence, circumstances), 0);
  const own = candidate.tokens.length + 1 - shared + growth(candidate, circumstances);
  return held + ahead + own <= circumstances.contextCells;
}

function growth(sequence: Sequence, { marginTokens, contextTokens }: AdmissionCircumstances): number {
  const left = Math.min(sequence.request.maxTokens - sequence.generated, contextTokens - sequence.tokens.length);
  return Math.min(marginTokens, left);
}

function findLeader(
  candidate: Sequence,
  cached: number,
  running: readonly Sequence[],
  rules: PlacementRules,
): { readonly leader: Sequence; readonly until: number } | undefined {
  if (!rules.reuse || !rules.canTruncate) return undefined;
  for (const leader of running) {
    // One that has more to do than the candidate, or that may be held back, would slow it down instead.
    if (!leader.isPrefilling || leader.pending > candidate.tokens.length - cached || (candidate.urgent && !leader.urgent)) continue;
    const until = leader.tokens.commonPrefix(candidate.tokens, candidate.tokens.length - 1);
    if (until > leader.submitted && until - cached >= MIN_FOLLOW_TOKENS) return { leader, until };
  }
  return undefined;
}
