import { PippaError, type ModelManifest, type PeerId, type RingId } from '@pippa/core';
import type { RebalanceState } from '@pippa/planner';
import type { PlacedStage, RingWish } from '@pippa/protocol';

/** Nothing that the mesh has now can hold the model; the message says what is missing, in numbers. */
export class PlacementRefusedError extends PippaError {
  readonly code = 'placement_refused';
  override readonly retryable = true;
}

export interface PlannedRing {
  readonly stages: readonly PlacedStage[];
  /** What each stage is expected to take, in the order of the stages. */
  readonly stageBytes: readonly number[];
  readonly predictedTokensPerSecond: number;
  /** Why it is so, in words. */
  readonly reasons: readonly string[];
}

/** Where a second copy of a stage may go, and why. */
export interface PlannedSpare extends PlacedStage {
  readonly bytes: number;
  readonly reason: string;
}

/** `move`: where the layers should be; undefined: they stay. */
export interface Rebalanced {
  readonly move: PlannedRing | undefined;
  readonly state: RebalanceState;
}

/** How large a ring's stages are. */
export interface RingShape {
  readonly contextTokens: number;
  readonly parallelSequences: number;
  readonly maxRows: number;
}

export interface PlanRequest {
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  readonly shape: RingShape;
  /** Nodes that must not hold stages: they refused, or failed. */
  readonly excluded: ReadonlySet<PeerId>;
  /** The node that holds the first layers: the one that conducts. Left out: any. */
  readonly first?: PeerId;
  /** Rings whose memory is to be taken as free: would it fit if they were gone? Left out: none. */
  readonly gone?: ReadonlySet<RingId>;
}

/** Decides where stages go, by what the mesh is now. Bound to `planner` and the mesh's node cards. */
export interface RingPlanner {
  /** Throws `PlacementRefusedError`. */
  place(request: PlanRequest): PlannedRing;
  /** A placement that leaves `kept` stages where they are and finds places for the other layers. Throws `PlacementRefusedError`. */
  repair(
    request: PlanRequest & {
      readonly kept: readonly PlacedStage[];
      /** Second copies that are loaded and can be had at once. */
      readonly spares?: readonly PlacedStage[];
    },
  ): PlannedRing;
  /** Stages worth a second copy where there is room for one, beside those there are; the most needed first. */
  spares(
    request: PlanRequest & { readonly placement: readonly PlacedStage[]; readonly spares: readonly PlacedStage[] },
  ): readonly PlannedSpare[];
  /** Whether layers had better move off a node that has become slow. Called now and then, with the state of the last time. */
  rebalance(
    request: PlanRequest & {
      readonly placement: readonly PlacedStage[];
      /** What each stage took lately for a step of one token, milliseconds. */
      readonly stageMs: readonly number[];
      readonly state: RebalanceState | undefined;
      readonly nowMs: number;
    },
  ): Rebalanced;
}
