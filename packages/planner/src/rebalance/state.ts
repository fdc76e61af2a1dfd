import type { PeerId } from '@pippa/core';
import { REBALANCE } from '../policy.ts';
import type { RebalanceState } from './types.ts';

export const START: RebalanceState = {
  slowdown: new Map(),
  mistrust: new Map(),
  betterSinceMs: undefined,
  betterLooks: 0,
  restUntilMs: 0,
};

/** Follows new measurements slowly; what was not measured stays as it was last seen. */
export function smooth(before: ReadonlyMap<PeerId, number>, measured: ReadonlyMap<PeerId, number>): ReadonlyMap<PeerId, number> {
  const next = new Map(before);
  for (const [peer, ratio] of measured) {
    const last = before.get(peer);
    // Ratios are smoothed as ratios: twice as slow weighs as much as twice as fast.
    next.set(
      peer,
      last === undefined ? ratio : Math.exp((1 - REBALANCE.smoothing) * Math.log(last) + REBALANCE.smoothing * Math.log(ratio)),
    );
  }
  return next;
}

/** A node that is trusted again, but holds nothing that could be measured, is taken to be as fast as it should be. */
export function forgive(
  slowdown: ReadonlyMap<PeerId, number>,
  measured: ReadonlyMap<PeerId, number>,
  state: RebalanceState,
  nowMs: number,
): ReadonlyMap<PeerId, number> {
  const isForgiven = (peer: PeerId): boolean =>
    state.mistrust.has(peer) && !measured.has(peer) && !isMistrusted(peer, state, nowMs);
  return new Map([...slowdown].filter(([peer]) => !isForgiven(peer)));
}

export function isMistrusted(peer: PeerId, state: RebalanceState, nowMs: number): boolean {
  return (state.mistrust.get(peer)?.untilMs ?? 0) > nowMs;
}

/** Those that lost layers get none back for longer every time. What others were measured at holds on. */
export function rememberMove(state: RebalanceState, losers: readonly PeerId[], nowMs: number): RebalanceState {
  const mistrust = new Map(state.mistrust);
  for (const peer of losers) {
    const times = (mistrust.get(peer)?.times ?? 0) + 1;
    const doublings = Math.min(times - 1, REBALANCE.mistrustDoublings);
    mistrust.set(peer, { times, untilMs: nowMs + REBALANCE.mistrustMs * 2 ** doublings });
  }
  return { ...state, mistrust, betterSinceMs: undefined, betterLooks: 0, restUntilMs: nowMs + REBALANCE.restMs };
}
