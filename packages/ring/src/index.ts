export { createConductor, type Conductor, type ConductorSnapshot } from './conductor.ts';
export { DEFAULT_CONDUCTOR_SETTINGS, type ConductorSettings } from './settings.ts';
export { planStep, type PlannedRows, type StepLimits } from './plan-step.ts';
export {
  ACTIVATION_FORMATS,
  bytesPerActivation,
  packActivations,
  unpackActivations,
  type ActivationFormat,
  type PackedActivations,
} from './activations.ts';
