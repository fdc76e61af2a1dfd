import type { SlotState } from './slot-table.ts';
import type { TokenHistory } from './token-history.ts';

/** Where a sequence goes and how much of its beginning is there already. */
export interface Placement {
  readonly target: SlotState;
  /** Positions that need no computing. */
  readonly cached: number;
  /** The slot whose beginning is copied; undefined: what the target holds is kept. */
  readonly source: SlotState | undefined;
}

export interface PlacementRules {
  /** False for recurrent state: a slot is reused or copied whole or not at all. */
  readonly canTruncate: boolean;
  /** False: every prompt is computed from its beginning. */
  readonly reuse: boolean;
}

/** A beginning is copied from another slot when that saves at least this many rows. */
const MIN_COPY_TOKENS = 16;

/**
 * Chooses the free slot with the longest common beginning, or the least valuable free slot and another one to copy from. The last token
 * is never reused: its logits are wanted. Undefined when every slot is taken. Pure.
 */
export function choosePlacement(slots: readonly SlotState[], tokens: TokenHistory, rules: PlacementRules): Placement | undefined {
  const free = slots.filter((slot) => slot.owner === undefined);
  const expendable = leastValuable(free);
  if (expendable === undefined) return undefined;
  if (!rules.reuse) return { target: expendable, cached: 0, source: undefined };
  const kept = longest(free, tokens, rules);
  // A cache of which only the beginning fits is worth more to the conversation it belongs to: that beginning is copied instead.
  const inPlace = kept.shared > 0 && (kept.shared * 2 >= kept.slot.held || free.length === 1);
  const target = inPlace ? kept.slot : expendable;
  const cached = inPlace ? kept.shared : sharedPrefix(expendable, tokens, rules);
  const others = slots.filter((slot) => slot !== target);
  if (others.length > 0) {
    const source = longest(others, tokens, rules);
    if (source.shared >= cached + MIN_COPY_TOKENS) return { target, cached: source.shared, source: source.slot };
  }
  return { target, cached, source: undefined };
}

/** Tokens of the beginning that the slot holds and this sequence could use. */
export function sharedPrefix(slot: SlotState, tokens: TokenHistory, rules: PlacementRules): number {
  const shared = slot.tokens.commonPrefix(tokens, Math.min(slot.held, tokens.length - 1));
  return rules.canTruncate || shared === slot.held ? shared : 0;
}

function longest(
  slots: readonly SlotState[],
  tokens: TokenHistory,
  rules: PlacementRules,
): { readonly slot: SlotState; readonly shared: number } {
  return slots
    .map((slot) => ({ slot, shared: sharedPrefix(slot, tokens, rules) }))
    .reduce((best, next) => (next.shared > best.shared ? next : best));
}

/** An empty slot, or the one whose cache was not used for longest. */
function leastValuable(free: readonly SlotState[]): SlotState | undefined {
  return free.toSorted((a, b) => Math.sign(a.held) - Math.sign(b.held) || a.lastUsed - b.lastUsed)[0];
}
