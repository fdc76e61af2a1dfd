import { modelId, peerId, ringId, slot } from '@pippa/core';
import { z } from 'zod';
import { RING_LIMITS } from './limits.ts';

/** Fields that several ring messages have. */
export const ringField = z.string().min(1).max(RING_LIMITS.idCharacters).transform(ringId);
export const peerField = z.string().min(1).max(RING_LIMITS.idCharacters).transform(peerId);
export const modelIdField = z.string().min(1).max(RING_LIMITS.idCharacters).transform(modelId);
export const nameField = z.string().min(1).max(RING_LIMITS.nameCharacters);
export const epochField = z.int().min(0);
export const countField = z.int().min(0);
export const layerField = z.int().min(0).max(RING_LIMITS.layers);
export const stageIndexField = z
  .int()
  .min(0)
  .max(RING_LIMITS.stages - 1);
export const slotField = z
  .int()
  .min(0)
  .max(RING_LIMITS.slots - 1)
  .transform(slot);
export const tokenField = z
  .int()
  .min(0)
  .max(RING_LIMITS.vocabulary - 1);
export const positionField = z.int().min(0).max(RING_LIMITS.contextTokens);
/** Text written by a peer for people: shortened rather than refused. */
export const messageField = z.string().transform((text) => text.slice(0, RING_LIMITS.messageCharacters));
export const codeField = z.string().min(1).max(RING_LIMITS.idCharacters);
export const activationsField = z.enum(['f32', 'f16', 'bf16']);
/** Where a direct connection is taken. */
export const offerField = z.object({
  port: z.int().min(1).max(65_535),
  addresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .min(1)
    .max(16)
    .readonly(),
  identity: z.string().min(1).max(64),
  key: z.custom<Uint8Array>((key) => key instanceof Uint8Array && key.length === 32, 'it has not 32 bytes'),
});
