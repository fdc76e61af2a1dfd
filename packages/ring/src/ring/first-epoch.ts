import type { RingId } from '@pippa/core';

/** As many rings can be told apart, and a ring has as many epochs of its own; together they stay below 2^31. */
const RINGS = 2 ** 20;
const EPOCHS = 2 ** 10;

/**
 * From where a ring counts its epochs. Two rings begin apart: a stage that one of them left behind becomes the other's, and what it still
 * computes for the first must not pass for a step of the second.
 */
export function firstEpoch(ring: RingId): number {
  let hash = 0;
  for (const character of ring) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  return (hash % RINGS) * EPOCHS;
}
