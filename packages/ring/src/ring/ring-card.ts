import type { CardRing } from '@pippa/core';
import type { PlacedStage } from '@pippa/protocol';
import type { ConductorSnapshot } from '../snapshot.ts';
import type { RingIdentity, RingState } from './ring.ts';
import type { StageSet } from './stage-set.ts';

export interface RingCircumstances {
  readonly identity: RingIdentity;
  readonly state: RingState;
  readonly stages: Pick<StageSet, 'planned' | 'shape'> & { readonly spares: { readonly placed: readonly PlacedStage[] } };
  /** How much of it is loaded, 0 .. 1. */
  readonly loadedFraction: number;
  /** Undefined before it is up. */
  readonly snapshot: ConductorSnapshot | undefined;
  readonly timesMended: number;
  /** Wall-clock milliseconds, see `IdleTime`. */
  readonly lastUsedMs: number;
}

/** What the node card tells of a ring. Pure. */
export function ringCard({
  identity,
  state,
  stages,
  loadedFraction,
  snapshot,
  timesMended,
  lastUsedMs,
}: RingCircumstances): CardRing {
  const { id, manifest, wish, isKept } = identity;
  const { planned, shape } = stages;
  const spares = stages.spares.placed;
  return {
    ring: id,
    model: manifest.id,
    name: manifest.name,
    state: state === 'stopped' ? 'recovering' : state,
    ...(state === 'loading' ? { loadedFraction: Math.floor(100 * Math.min(1, loadedFraction)) / 100 } : {}),
    stages: (planned?.stages ?? []).map(({ peer, from, to }) => ({ peer, from, to })),
    ...(spares.length > 0 ? { spares } : {}),
    contextTokens: shape?.contextTokens ?? 0,
    parallelSequences: shape?.parallelSequences ?? wish.parallelSequences,
    running: snapshot?.running ?? 0,
    waiting: snapshot?.waiting ?? 0,
    predictedTokensPerSecond: planned?.predictedTokensPerSecond ?? 0,
    measuredTokensPerSecond: measuredRate(snapshot),
    recoveries: timesMended,
    ...(wish.only === undefined && wish.stageCount === undefined ? {} : { isFixed: true }),
    ...(isKept ? { isKept } : {}),
    lastUsedMs,
    ...(wish.isCopy === true ? { isCopy: true } : {}),
  };
}

/** Tokens a second of one stream, from the time of the smallest decode steps; 0 before the first. */
function measuredRate(snapshot: ConductorSnapshot | undefined): number {
  const ms = snapshot?.speed.decodeStepMs[0]?.ms ?? 0;
  return ms > 0 ? 1000 / ms : 0;
}
