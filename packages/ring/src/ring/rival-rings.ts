import type { CardRing } from '@pippa/core';

/** Which of two rings of one model had better stay: less than 0 for `a`. Both their nodes decide the same. Pure. */
export function compareRings(a: CardRing, b: CardRing): number {
  return (
    Number(a.isCopy === true) - Number(b.isCopy === true) ||
    Number(b.running + b.waiting > 0) - Number(a.running + a.waiting > 0) ||
    Number(b.isFixed === true) - Number(a.isFixed === true) ||
    rough(b.predictedTokensPerSecond) - rough(a.predictedTokensPerSecond) ||
    (a.ring < b.ring ? -1 : 1)
  );
}

/** Whether whoever asks for the one ring is served by the other one as well. */
export function servesAsWell(other: CardRing, own: CardRing): boolean {
  return other.model === own.model && other.contextTokens >= own.contextTokens;
}

/** As cards tell it: what a node knows of its own more exactly must not decide. */
function rough(tokensPerSecond: number): number {
  return Number(tokensPerSecond.toPrecision(2));
}

/**
 * Whether a ring that finds no room for what it lost gives way to another one of the model: each may hold just what the other one lacks.
 * One that answers can take its sequences over; of two that are both broken the better one will, with the room that the other one leaves.
 * Pure.
 */
export function givesWay(own: CardRing, others: readonly CardRing[]): boolean {
  if (own.isFixed === true) return false;
  return others.some(
    (other) =>
      servesAsWell(other, own) && (other.state === 'ready' || (other.state === 'recovering' && compareRings(other, own) < 0)),
  );
}
