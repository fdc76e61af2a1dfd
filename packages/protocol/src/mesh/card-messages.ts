import { modelId, peerId, ringId, type NodeCard } from '@pippa/core';
import { z } from 'zod';
import { bytesOf } from '../wire/bytes.ts';
import { MAX_NODE_NAME } from './admission-messages.ts';

/** Ed25519, over `cardStatement`. */
export const SIGNATURE_BYTES = 64;
export const MAX_CARD_MODELS = 1_000;
export const MAX_CARD_STAGES = 64;
export const MAX_CARD_RINGS = 64;
export const MAX_ADDRESSES = 16;

const count = z.int().min(0);
const amount = z.number().min(0);
const shortText = z.string().max(128);
const model = z.string().max(64).transform(modelId);
const ring = z.string().max(64).transform(ringId);
export const peerIdText = z.string().min(10).max(128).transform(peerId);
export const multiaddrText = z.string().min(1).max(256);

export const cardModel = z.object({
  id: model,
  name: z.string().max(256),
  fileBytes: count,
  layerCount: count,
  presentBytes: count,
});
const placedStage = z.object({ peer: peerIdText, from: count, to: count });

export const cardStage = z.object({ ring, model, from: count, to: count, memoryBytes: count, spare: z.boolean().exactOptional() });
export const cardRing = z.object({
  ring,
  model,
  name: z.string().max(256),
  state: z.enum(['loading', 'ready', 'recovering']),
  loadedFraction: z.number().min(0).max(1).exactOptional(),
  stages: z.array(placedStage).max(MAX_CARD_STAGES),
  spares: z.array(placedStage).max(MAX_CARD_STAGES).exactOptional(),
  contextTokens: count,
  parallelSequences: count,
  running: count,
  waiting: count,
  predictedTokensPerSecond: amount,
  measuredTokensPerSecond: amount,
  recoveries: count.exactOptional(),
  isFixed: z.boolean().exactOptional(),
  isKept: z.boolean().exactOptional(),
  lastUsedMs: count.exactOptional(),
  isCopy: z.boolean().exactOptional(),
});

/** A `NodeCard` of core, bounded. Fields that a later version adds are dropped, after their signature was checked. */
export const nodeCard = z.object({
  peer: peerIdText,
  version: count,
  name: z.string().min(1).max(MAX_NODE_NAME),
  agentVersion: z.string().max(64),
  protocolVersion: count,
  platform: z.string().max(64),
  chip: shortText,
  memory: z.object({ totalBytes: count, budgetBytes: count, freeBytes: count }),
  backend: shortText,
  memoryBandwidth: amount,
  computeRate: amount,
  performanceCores: count,
  power: z.object({ source: z.enum(['mains', 'battery', 'unknown']), batteryPercent: z.number().min(0).max(100).optional() }),
  thermalPressure: z.enum(['nominal', 'fair', 'serious', 'critical', 'unknown']),
  memoryPressure: z.enum(['normal', 'warning', 'critical', 'unknown']),
  load: z.number().min(0).max(1),
  models: z.array(cardModel).max(MAX_CARD_MODELS),
  stages: z.array(cardStage).max(MAX_CARD_STAGES),
  rings: z.array(cardRing).max(MAX_CARD_RINGS),
});

/** A card as it travels: with the addresses its node listens on, signed by the node's identity. `card` is `nodeCard`, checked later. */
export const signedCard = z.strictObject({
  card: z.record(z.string().max(64), z.unknown()),
  addresses: z.array(multiaddrText).max(MAX_ADDRESSES),
  signature: bytesOf(SIGNATURE_BYTES),
});
export type SignedCard = z.infer<typeof signedCard>;

/** The fields that differ from version `base`; the signature is over the whole card that results. */
export const cardChange = z.strictObject({
  base: count,
  change: z.record(z.string().max(64), z.unknown()),
  addresses: z.array(multiaddrText).max(MAX_ADDRESSES),
  signature: bytesOf(SIGNATURE_BYTES),
});
export type CardChange = z.infer<typeof cardChange>;

/** Optional fields as zod types them (`| undefined`) against core's exact ones: the same at run time. */
export function asNodeCard(card: z.infer<typeof nodeCard>): NodeCard {
  return card as NodeCard;
}
