export type {
  Placed,
  PlacedStage,
  PlacementInput,
  PlacementResult,
  PlannerLink,
  PlannerNode,
  Prediction,
  Refused,
  StageMemory,
  StageRange,
  Strategy,
  Wish,
} from './types.ts';
export { hasLowBattery, LOCAL_LINK, plannerNode } from './planner-node.ts';
export { PLANNER_LIMITS, POLICY, SPEED_MODEL } from './policy.ts';
export { ModelCosts } from './model-costs.ts';
export { planPlacement } from './placement/plan-placement.ts';
export { planRecovery } from './recovery/plan-recovery.ts';
export type { Recovered, RecoveredStage, RecoveryInput, RecoveryResult, StageOrigin } from './recovery/types.ts';
export {
  calibrate,
  calibrationOf,
  placementKey,
  UNCALIBRATED,
  type Calibration,
  type PlacementMeasurement,
  type PlacementPrediction,
} from './calibrate.ts';
export {
  chooseRing,
  isOutrun,
  type RequestFacts,
  type RingCandidate,
  type RingChoice,
  type SoloOption,
} from './router/choose-ring.ts';
export { planSpares, type PlannedSpare, type SparesInput } from './spares/plan-spares.ts';
export { planRebalance } from './rebalance/plan-rebalance.ts';
export type { RebalanceDecision, RebalanceInput, RebalanceState } from './rebalance/types.ts';
