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
export type { Calibration } from './calibrate.ts';
export { LOCAL_LINK, plannerNode } from './planner-node.ts';
export { PLANNER_LIMITS, POLICY, SPEED_MODEL } from './policy.ts';
export { ModelCosts } from './model-costs.ts';
export { planPlacement } from './placement/plan-placement.ts';
export { planRecovery } from './recovery/plan-recovery.ts';
export type { Recovered, RecoveredStage, RecoveryInput, RecoveryResult, StageOrigin } from './recovery/types.ts';
