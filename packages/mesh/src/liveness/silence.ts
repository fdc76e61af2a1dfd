import type { PeerState } from '@pippa/core';
import type { MeshSettings } from '../settings.ts';

export function stateAfter(silentMs: number, settings: Pick<MeshSettings, 'suspectMs' | 'deadMs'>): PeerState {
  if (silentMs >= settings.deadMs) return 'dead';
  return silentMs >= settings.suspectMs ? 'suspect' : 'alive';
}

/**
 * How much of the time between two ticks this process itself stood still (suspended, or busy beyond the tick): nobody else's silence,
 * so it is not counted against the peers.
 */
export function ownStall(elapsedMs: number, tickMs: number): number {
  return elapsedMs > tickMs * 2 ? elapsedMs - tickMs : 0;
}
