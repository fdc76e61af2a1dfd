export { ProtocolError } from './errors.ts';
export { RING_LIMITS } from './ring/limits.ts';
export {
  ACTIVATION_FORMATS,
  bytesPerActivation,
  packActivations,
  unpackActivations,
  type PackedActivations,
} from './ring/activations.ts';
export { readStageInput, type StageInput } from './ring/stage-input.ts';
export { decodeStep, encodeStep, type StepFrame } from './ring/step-frame.ts';
export { decodeResult, encodeResult } from './ring/result-frame.ts';
export {
  isResultHeader,
  isStepHeader,
  CHECKPOINT_PROTOCOL,
  parseCheckpointMessage,
  parseConductorMessage,
  parseHostMessage,
  parseStepsDirect,
  parseStepsHello,
  RESULT_HEADER,
  STAGE_PROTOCOL,
  STEP_HEADER,
  STEPS_PROTOCOL,
  type CheckpointMessage,
  type ConductorMessage,
  type HostMessage,
  type StageOpenMessage,
  type StepsDirect,
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
  ringWishSchema,
  type PlacedStage,
  type RingCommand,
  type RingReport,
  type RingReportInput,
  type RingWish,
} from './ring/ring-control.ts';
export { MODELS_LIMITS } from './models/limits.ts';
export { manifestSchema } from './models/manifest.ts';
export {
  parsePieceAnswer,
  parsePieceQuestion,
  PIECE_TABLE_PROTOCOL,
  type PieceAnswer,
  type PieceQuestion,
} from './models/piece-table.ts';
export { parsePieceReply, parsePieceRequest, PIECES_PROTOCOL, type PieceReply, type PieceRequest } from './models/pieces.ts';
export { BadMessageError, FrameError, FrameTooLargeError } from './wire/errors.ts';
export { ADMISSION_PROTOCOL, PROTOCOL_VERSION, STREAM_PROTOCOL } from './wire/versions.ts';
export { ADMISSION_FRAME_LIMITS, CONTROL_FRAME_LIMITS, STREAM_FRAME_LIMITS, type FrameLimits } from './wire/limits.ts';
export { encodeFrame, FrameDecoder, FRAME_PREFIX_BYTES, type DecodedFrame, type EncodeOptions } from './wire/frame.ts';
export { decodeMessage, encodeMessage } from './wire/msgpack.ts';
export { bytesOf } from './wire/bytes.ts';
export {
  abortMessage,
  answerMessage,
  MAX_PROTOCOL_NAME,
  openMessage,
  parseMessage,
  streamMessage,
  type AnswerMessage,
  type StreamMessage,
} from './wire/stream-messages.ts';
export {
  admissionChallenge,
  admissionOpening,
  admissionProof,
  admissionRefusal,
  joinAnswer,
  joinChallenge,
  joinReveal,
  KEY_TAG_BYTES,
  MAC_BYTES,
  MAX_NODE_NAME,
  MESH_KEY_BYTES,
  NONCE_BYTES,
  type AdmissionOpening,
  type AdmissionRefusal,
} from './mesh/admission-messages.ts';
export {
  asNodeCard,
  cardChange,
  MAX_ADDRESSES,
  MAX_CARD_MODELS,
  MAX_CARD_RINGS,
  MAX_CARD_STAGES,
  multiaddrText,
  nodeCard,
  peerIdText,
  SIGNATURE_BYTES,
  signedCard,
  type CardChange,
  type SignedCard,
} from './mesh/card-messages.ts';
export { cardStatement } from './mesh/card-statement.ts';
export {
  CONTROL_PROTOCOL,
  controlMessage,
  INSTANCE_BYTES,
  MAX_CARDS_A_MESSAGE,
  MAX_MEMBERS,
  ping,
  pong,
  ROUND_TRIP_UNIT_MS,
  type ControlMessage,
  type Ping,
  type Pong,
} from './mesh/control-messages.ts';
