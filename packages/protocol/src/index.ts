export { ProtocolError } from './errors.ts';
export { RING_LIMITS } from './ring/limits.ts';
export { decodeStep, encodeStep, type StepFrame } from './ring/step-frame.ts';
export {
  isStepHeader,
  parseConductorMessage,
  parseHostMessage,
  parseStepsHello,
  resultMessageOf,
  STAGE_PROTOCOL,
  STEPS_PROTOCOL,
  type ConductorMessage,
  type HostMessage,
  type StageOpenMessage,
  type StepsHello,
} from './ring/stage-control.ts';
export {
  decodeGenerate,
  encodeGenerate,
  endReport,
  GENERATE_PROTOCOL,
  parseGenerationReport,
  tokensReport,
  type GenerateMessage,
  type GenerationReport,
  type GenerationReportInput,
} from './ring/generation.ts';
export {
  parseRingCommand,
  parseRingReport,
  RING_PROTOCOL,
  type PlacedStage,
  type RingCommand,
  type RingReport,
  type RingReportInput,
  type RingWish,
} from './ring/ring-control.ts';
