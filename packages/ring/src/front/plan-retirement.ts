import type { CardRing } from '@pippa/core';
import { compareRings, servesAsWell } from '../ring/rival-rings.ts';

/** A ring that nobody has used for so long may go: by then everybody's cards tell of it. */
const IDLE_MS = 10_000;

export interface RetirementCircumstances {
  readonly own: CardRing;
  /** How long nobody has used it. */
  readonly idleMs: number;
  /** Rings of the same model that other nodes conduct. */
  readonly others: readonly CardRing[];
  /** A copy that nobody has used for so long may go. */
  readonly copyIdleMs: number;
}

/**
 * The ring that makes one of this node's superfluous: two parts of a mesh that did not see each other both had the model up. The one that
 * answers nobody goes; of two such the one whose nodes nobody named, then the slower one, and of two alike the one with the later name, so
 * that both sides choose the same. Undefined: it stays. Pure.
 */
export function planRetirement({ own, idleMs, others, copyIdleMs }: RetirementCircumstances): CardRing | undefined {
  // Somebody wants more than one.
  if (own.isCopy === true && own.isKept === true) return undefined;
  if (own.isFixed === true || own.state !== 'ready' || own.running + own.waiting > 0) return undefined;
  if (idleMs < (own.isCopy === true ? copyIdleMs : IDLE_MS)) return undefined;
  return others.find(
    (other) =>
      other.state === 'ready' &&
      servesAsWell(other, own) &&
      // Copies go for what they are copies of, never the other way round.
      (own.isCopy === true || other.isCopy !== true) &&
      compareRings(other, own) < 0,
  );
}
