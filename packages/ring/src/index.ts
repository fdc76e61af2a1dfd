export { createConductor, type Conductor } from './conductor.ts';
export type { ConductorSnapshot, ConductorState } from './snapshot.ts';
export type { SpeedSnapshot } from './step-statistics.ts';
export { checkSettings, DEFAULT_CONDUCTOR_SETTINGS, type ConductorSettings, type FixedShapes } from './settings.ts';
export {
  ACTIVATION_FORMATS,
  bytesPerActivation,
  packActivations,
  unpackActivations,
  type ActivationFormat,
  type PackedActivations,
} from './activations.ts';
