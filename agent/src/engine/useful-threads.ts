import { MIB } from '@pippa/core';

/** Weights below which a second thread costs more in waiting at barriers than it computes. */
const BYTES_PER_THREAD = 16 * MIB;

/** CPU threads that a model of this size has work for. */
export function usefulThreads(weightBytes: number, atMost: number): number {
  return Math.max(1, Math.min(atMost, Math.floor(weightBytes / BYTES_PER_THREAD)));
}
