import type { PeerId } from '@pippa/core';
import type { PlacedStage, PlacementInput, StageRange } from '../types.ts';

export interface RebalanceInput extends Omit<PlacementInput, 'calibration'> {
  /** The ring's stages, the conductor's first. */
  readonly placement: readonly StageRange[];
  /** What each stage took for a step with one token lately, milliseconds (a median); 0: not measured. */
  readonly stageMs: readonly number[];
  /** What the last call gave back; undefined at first. */
  readonly state: RebalanceState | undefined;
  /** Monotonic. */
  readonly nowMs: number;
}

/** What is remembered between looks at one ring. */
export interface RebalanceState {
  /** Smoothed slowdown of each node, by the model of the speeds. */
  readonly slowdown: ReadonlyMap<PeerId, number>;
  /** Nodes that layers were moved off: how often, and until when they are given no more. */
  readonly mistrust: ReadonlyMap<PeerId, { readonly times: number; readonly untilMs: number }>;
  /** Since when every look has found a better placement. */
  readonly betterSinceMs: number | undefined;
  readonly betterLooks: number;
  readonly restUntilMs: number;
}

export interface RebalanceDecision {
  readonly kind: 'stay' | 'move';
  /** Where the layers should be; as they are for `stay`. */
  readonly stages: readonly (PlacedStage | StageRange)[];
  /** How much faster a token would be, 0.25: by a quarter. */
  readonly gain: number;
  readonly reasons: readonly string[];
  readonly state: RebalanceState;
}
