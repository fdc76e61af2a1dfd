import { z } from 'zod';
import {
  activationsField,
  codeField,
  countField,
  epochField,
  layerField,
  messageField,
  modelIdField,
  nameField,
  offerField,
  peerField,
  positionField,
  ringField,
  slotField,
  stageIndexField,
} from './fields.ts';
import { RING_LIMITS } from './limits.ts';
import { parseMessage } from './parse.ts';

/** The conductor's stream to the host of one stage. The stage lives as long as the stream. */
export const STAGE_PROTOCOL = '/pippa/stage/1';
/** From a stage's host to the next one's: a `hello`, then steps. */
export const STEPS_PROTOCOL = '/pippa/steps/1';

/** From the host of a stage to that of its spare: positions of its cache, so that a take-over begins with them. */
export const CHECKPOINT_PROTOCOL = '/pippa/checkpoint/1';

/** Slots and how many positions of each. */
const slotLengths = z.array(z.tuple([slotField, positionField])).max(RING_LIMITS.slots);

const openMessage = z.object({
  kind: z.literal('open'),
  ring: ringField,
  epoch: epochField,
  model: z.object({ id: modelIdField, name: nameField }),
  /** Layers `[from, to)` out of `layerCount`. */
  from: layerField,
  to: layerField,
  layerCount: layerField,
  index: stageIndexField,
  stageCount: z.int().min(1).max(RING_LIMITS.stages),
  contextCells: z.int().min(1).max(RING_LIMITS.contextTokens),
  parallelSequences: z.int().min(1).max(RING_LIMITS.slots),
  maxRows: z.int().min(1).max(RING_LIMITS.rows),
  activations: activationsField,
  /** Each slot has cells of its own: who else is there, or was, does not move what is computed over them by one bit. */
  ownCells: z.boolean().default(false),
  /** Stages of the ring on this node, which share its cores. */
  stagesHere: z.int().min(1).max(RING_LIMITS.stages),
  /** What the planner expects the stage to take. */
  expectedBytes: countField,
  /** A second copy, for when another node leaves: until it is linked, it is the first to go when its memory is wanted. */
  spare: z.boolean(),
});

/** Conductor to host, besides `step` frames (to the first stage alone). */
const conductorMessage = z.discriminatedUnion('kind', [
  openMessage,
  /** The stage goes on in this epoch and hands its output to `next`; null: it is the last, results come back here. */
  z.object({
    kind: z.literal('link'),
    epoch: epochField,
    index: stageIndexField,
    stageCount: z.int().min(1).max(RING_LIMITS.stages),
    next: z.object({ peer: peerField, to: layerField }).nullable(),
    /** What becomes of the KV cache, the samplers and the journal. */
    cache: z.enum(['keep', 'empty']),
    /** Whether what is sent on is journaled, so that a lost stage behind can be given it again. */
    journals: z.boolean(),
    /** Steps with a lower id are replayed ones: they bring back caches and give no tokens. */
    firstStep: countField,
    /** Replayed steps go no further: the stages behind have what they would bring. */
    endsReplay: z.boolean(),
    /** Where the last stage's results go if that can be reached; else, and for all others, null. */
    results: offerField.nullable(),
  }),
  /**
   * The stage sends what it journaled on again: of each slot positions `[from, to)`, in steps whose ids end right before `firstStep` of the
   * epoch's `link`; the first one cuts all caches to `from`. The stage that ends the replay answers `replayed`.
   */
  z.object({
    kind: z.literal('replay'),
    epoch: epochField,
    slots: z
      .array(z.tuple([slotField, positionField, positionField]))
      .min(1)
      .max(RING_LIMITS.slots),
  }),
  /**
   * Positions `[from, to)` of a slot, whose steps are through, shall go to the spare of the stage on `peer`. `version` tells what the
   * slot holds from what it held before or holds later.
   */
  z.object({
    kind: z.literal('checkpoint'),
    slot: slotField,
    version: countField,
    from: positionField,
    to: positionField,
    peer: peerField,
  }),
]);

const stageInfoField = z.object({
  from: layerField,
  to: layerField,
  layerCount: layerField,
  embeddingLength: z.int().min(1).max(RING_LIMITS.embeddingLength),
  vocabularySize: z.int().min(0).max(RING_LIMITS.vocabulary),
  contextCells: z.int().min(1).max(RING_LIMITS.contextTokens),
  parallelSequences: z.int().min(1).max(RING_LIMITS.slots),
  maxRows: z.int().min(1).max(RING_LIMITS.rows),
  canTruncate: z.boolean(),
  memoryBytes: z.object({ weights: countField, context: countField, compute: countField }),
  backend: nameField,
});

/** Host to conductor. */
const hostMessage = z.discriminatedUnion('kind', [
  /** `fetch`: pieces come from peers or the hub. `load`: weights go to the backend. */
  z.object({ kind: z.literal('progress'), phase: z.enum(['fetch', 'load']), fraction: z.number().min(0).max(1) }),
  z.object({ kind: z.literal('ready'), info: stageInfoField }),
  /** The stage is not loaded: it does not fit, the model is not there, ... The stream ends after it. */
  z.object({ kind: z.literal('refused'), code: codeField, message: messageField, hint: messageField.exactOptional() }),
  /** `journal`: how many positions of each slot can be sent on again, from the first one on. */
  z.object({ kind: z.literal('linked'), epoch: epochField, journal: slotLengths }),
  /** A spare has so many positions of a slot in its cache; 0: none, and of no other slot either. */
  z.object({ kind: z.literal('checkpointed'), slot: slotField, version: countField, length: positionField }),
  /** The last of the replayed steps is through. */
  z.object({ kind: z.literal('replayed'), epoch: epochField }),
  /** `encodeResult`'s frame is in the payload. */
  z.object({ kind: z.literal('result') }),
  /** A step could not be computed, or what came for it was no step. `index`: the stage at fault as this host sees it. */
  z.object({ kind: z.literal('failure'), epoch: epochField, index: stageIndexField, code: codeField, message: messageField }),
]);

/** `from`, `to`: the layers of the stage that the steps are for, which tell it from others of the ring on the same node. */
const helloMessage = z.object({
  kind: z.literal('hello'),
  ring: ringField,
  epoch: epochField,
  from: layerField,
  to: layerField,
  /** Whether steps may come over a direct connection: then the other side answers with a `direct`. */
  direct: z.boolean(),
});

/** Where steps are to come; null: over this stream. */
const directMessage = z.object({ kind: z.literal('direct'), offer: offerField.nullable() });

/**
 * Positions `[start, end)` of a slot for the spare of the stage from layer `from`. The payload is `rowBytes` bytes of journal, if the stage
 * has one, and what the engine exported.
 */
const checkpointMessage = z.object({
  kind: z.literal('positions'),
  ring: ringField,
  from: layerField,
  slot: slotField,
  version: countField,
  start: positionField,
  end: positionField,
  rowBytes: countField,
});

export type CheckpointMessage = z.output<typeof checkpointMessage>;
export type StageOpenMessage = z.output<typeof openMessage>;
export type ConductorMessage = z.output<typeof conductorMessage>;
export type HostMessage = z.output<typeof hostMessage>;
export type StepsHello = z.output<typeof helloMessage>;
export type StepsDirect = z.output<typeof directMessage>;

export const parseConductorMessage = (header: unknown): ConductorMessage => parseMessage('stage command', conductorMessage, header);
export const parseHostMessage = (header: unknown): HostMessage => parseMessage('stage report', hostMessage, header);
export const parseStepsDirect = (header: unknown): StepsDirect => parseMessage('steps answer', directMessage, header);
export const parseCheckpointMessage = (header: unknown): CheckpointMessage => parseMessage('checkpoint', checkpointMessage, header);
export const parseStepsHello = (header: unknown): StepsHello => parseMessage('steps hello', helloMessage, header);

/** Header of a frame whose payload is `encodeStep`'s. */
export const STEP_HEADER = Object.freeze({ kind: 'step' });
/** Header of a frame whose payload is `encodeResult`'s. */
export const RESULT_HEADER = Object.freeze({ kind: 'result' });

export const isStepHeader = (header: unknown): boolean => hasKind(header, STEP_HEADER.kind);
export const isResultHeader = (header: unknown): boolean => hasKind(header, RESULT_HEADER.kind);

function hasKind(header: unknown, kind: string): boolean {
  return typeof header === 'object' && header !== null && 'kind' in header && header.kind === kind;
}
