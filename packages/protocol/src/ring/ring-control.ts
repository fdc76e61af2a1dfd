import { z } from 'zod';
import { activationsField, codeField, layerField, messageField, modelIdField, nameField, peerField, ringField } from './fields.ts';
import { RING_LIMITS } from './limits.ts';
import { parseMessage } from './parse.ts';

/**
 * From the node that wishes a ring to the one that shall conduct it: one command; back come `progress` and at last `up`, `down` or
 * `refused`. A ring outlives the stream that asked for it.
 */
export const RING_PROTOCOL = '/pippa/ring/1';

/** Why stages are where they are, for people. */
const reasonsField = z.array(messageField).max(RING_LIMITS.reasons);
const placedStageField = z.object({ peer: peerField, from: layerField, to: layerField });

const wishField = z.object({
  model: z.object({ id: modelIdField, name: nameField }),
  contextTokens: z.int().min(2).max(RING_LIMITS.contextTokens).exactOptional(),
  parallelSequences: z.int().min(1).max(RING_LIMITS.slots),
  lane: z.enum(['interactive', 'batch']),
  strategy: z.enum(['memory', 'speed', 'throughput']),
  activations: activationsField,
  /** Steps of one sequence each, in shapes that depend on it alone: what is computed again comes out the same, bit for bit. */
  exactReplay: z.boolean().exactOptional(),
  /** It comes up beside a ring of the model that has more to do than it can: it is the first to go when nobody uses it. */
  isCopy: z.boolean().exactOptional(),
  /** Cut into so many stages, whatever the planner would choose. */
  stageCount: z.int().min(1).max(RING_LIMITS.stages).exactOptional(),
  /** It stays up until it is taken down; others go when they were idle for long or their memory is wanted. */
  keep: z.boolean().exactOptional(),
  /** It comes back when its conductor was started again, until it is taken down. */
  desired: z.boolean().exactOptional(),
  /** Only these nodes may hold stages. */
  only: z.array(peerField).min(1).max(RING_LIMITS.stages).exactOptional(),
});

const ringCommand = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('up'),
    wish: wishField,
    /** Where the wisher's planner puts the stages; the receiver holds the first. */
    placement: z.array(placedStageField).min(1).max(RING_LIMITS.stages),
    reasons: reasonsField.exactOptional(),
  }),
  /** `forget`: it shall not come back by itself. */
  z.object({ kind: z.literal('down'), ring: ringField, forget: z.boolean() }),
  /** The sender is about to leave: its stages of the ring shall go elsewhere first. Answered by `down` once they have. */
  z.object({ kind: z.literal('vacate'), ring: ringField }),
]);

const ringReport = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), message: messageField, fraction: z.number().min(0).max(1) }),
  z.object({
    kind: z.literal('up'),
    ring: ringField,
    reasons: reasonsField.exactOptional(),
  }),
  z.object({ kind: z.literal('down') }),
  z.object({ kind: z.literal('refused'), code: codeField, message: messageField, hint: messageField.exactOptional() }),
]);

export const ringWishSchema = wishField;
/** What somebody wants a ring to be. */
export type RingWish = z.output<typeof wishField>;
export type PlacedStage = z.output<typeof placedStageField>;
export type RingCommand = z.output<typeof ringCommand>;
export type RingReport = z.output<typeof ringReport>;
export type RingReportInput = z.input<typeof ringReport>;

export const parseRingCommand = (header: unknown): RingCommand => parseMessage('ring command', ringCommand, header);
export const parseRingReport = (header: unknown): RingReport => parseMessage('ring report', ringReport, header);
