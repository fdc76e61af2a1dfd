import type { CardRing } from '@pippa/core';

/** A ring that nobody has used for so long may go: by then everybody's cards tell of it. */
const IDLE_MS = 10_000;

export interface RetirementCircumstances {
  readonly own: CardRing;
  /** How long nobody has used it. */
  readonly idleMs: number;
  /** Rings of the same model that other nodes conduct. */
  readonly others: readonly CardRing[];
}

/**
 * The ring that makes one of this node's superfluous: two parts of a mesh that did not see each other both had the model up. The one that
 * answers nobody goes; of two such the one whose nodes nobody named, then the slower one, and of two alike the one with the later name, so
 * that both sides choose the same. Undefined: it stays. Pure.
 */
export function planRetirement({ own, idleMs, others }: RetirementCircumstances): CardRing | undefined {
  if (own.isFixed === true || own.state !== 'ready' || own.running + own.waiting > 0 || idleMs < IDLE_MS) return undefined;
  return others.find(
    (other) =>
      other.state === 'ready' && other.model === own.model && other.contextTokens >= own.contextTokens && compare(other, own) < 0,
  );
}

function compare(a: CardRing, b: CardRing): number {
  return (
    Number(b.running + b.waiting > 0) - Number(a.running + a.waiting > 0) ||
    Number(b.isFixed === true) - Number(a.isFixed === true) ||
    rough(b.predictedTokensPerSecond) - rough(a.predictedTokensPerSecond) ||
    (a.ring < b.ring ? -1 : 1)
  );
}

/** As cards tell it: what a node knows of its own more exactly must not decide. */
function rough(tokensPerSecond: number): number {
  return Number(tokensPerSecond.toPrecision(2));
}
