export { createConductor, type Conductor } from './conductor.ts';
export type { ConductorSnapshot, ConductorState } from './snapshot.ts';
export type { SpeedSnapshot } from './step-statistics.ts';
export { checkSettings, DEFAULT_CONDUCTOR_SETTINGS, type ConductorSettings, type FixedShapes } from './settings.ts';
export { DEFAULT_JOURNAL_SETTINGS, type JournalSettings } from './host/journal/row-store.ts';
export type { SpillFile } from './host/journal/spill-file.ts';
export { StageHost } from './host/stage-host.ts';
export type { LoadControl, StageLoader, StageOrder } from './host/stage-loader.ts';
export { observeChain } from './chain/observe-chain.ts';
export type { RingStep } from './chain/ring-chain.ts';
export { StageRefusedError } from './chain/stage-connection.ts';
export type { Recovery } from './ring/mender.ts';
export { Ring, type RingState } from './ring/ring.ts';
export { RingManager, type RingJournal, type RingManagerParts } from './ring/ring-manager.ts';
export {
  PlacementRefusedError,
  type PlannedRing,
  type PlannedSpare,
  type Rebalanced,
  type PlanRequest,
  type RingPlanner,
  type RingShape,
} from './ring/ring-planner.ts';
export { DEFAULT_RING_SETTINGS, type RingSettings } from './ring/ring-settings.ts';
export { Copies, type CopiesParts } from './front/copies.ts';
export { DEFAULT_COPY_SETTINGS, type CopySettings } from './front/copy-settings.ts';
export type { BringUpOptions, BringUpProgress, ModelComingUp } from './front/bring-ups.ts';
export { RingRouter, type FindOptions } from './front/ring-router.ts';
export type { KnownRing } from './front/mesh-rings.ts';
export { RoutedGenerator, type GeneratorRoute } from './front/routed-generator.ts';
