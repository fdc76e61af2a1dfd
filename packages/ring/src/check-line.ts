import { OverloadedError } from '@pippa/core';

export interface LineCircumstances {
  /** Requests of the same lane that wait already. */
  readonly waiting: number;
  readonly maxQueued: number;
  readonly slots: number;
  readonly hasFreeSlot: boolean;
  /** What a request takes from admission to end; undefined: none got done yet. */
  readonly requestMs: number | undefined;
}

/** What a request is taken to last before the first one got done. */
const ASSUMED_REQUEST_MS = 1000;
const MAX_RETRY_AFTER_SECONDS = 60;

/** Throws `OverloadedError`, which says when to come back, when one more request would be too many. */
export function checkLine({ waiting, maxQueued, slots, hasFreeSlot, requestMs = ASSUMED_REQUEST_MS }: LineCircumstances): void {
  if (waiting < maxQueued || (waiting === 0 && hasFreeSlot)) return;
  const seconds = Math.ceil(((waiting + 1) * requestMs) / slots / 1000);
  throw new OverloadedError(
    `${waiting} requests are waiting already, which is all that may.`,
    Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds)),
  );
}
