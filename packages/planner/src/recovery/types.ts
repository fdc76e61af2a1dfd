import type { PeerId } from '@pippa/core';
import type { PlacedStage, PlacementInput, PlannerNode, Prediction, Refused, StageRange } from '../types.ts';

export interface RecoveryInput extends Omit<PlacementInput, 'nodes'> {
  /** The ring's stages as they were, in order. */
  readonly placement: readonly StageRange[];
  /** Peers that are gone, or going. */
  readonly lost: readonly PeerId[];
  /** Everybody who may hold a stage now. `freeBytes` is beside what they hold of this ring and its spares. */
  readonly survivors: readonly PlannerNode[];
  /** Second copies that survivors have loaded. */
  readonly spares: readonly StageRange[];
}

/**
 * `kept`: as it was, with its cache. `spare`: loaded already, without a cache. `loaded`: to be loaded. `rebuilt`: on a node that
 * held some of these layers, but not just these: to be loaded, and the cache is gone.
 */
export type StageOrigin = 'kept' | 'spare' | 'loaded' | 'rebuilt';

export interface RecoveredStage extends PlacedStage {
  readonly origin: StageOrigin;
}

export interface Recovered {
  readonly kind: 'recovered';
  readonly stages: readonly RecoveredStage[];
  /** Spares to be unloaded first: what is loaded needs their room. */
  readonly dropped: readonly StageRange[];
  /** Weights that must be loaded, bytes over all nodes. */
  readonly loadBytes: number;
  readonly predicted: Prediction;
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
}

export type RecoveryResult = Recovered | Refused;
