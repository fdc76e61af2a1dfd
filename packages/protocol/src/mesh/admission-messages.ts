import { z } from 'zod';
import { bytesOf } from '../wire/bytes.ts';

export const NONCE_BYTES = 32;
export const MAC_BYTES = 32;
export const KEY_TAG_BYTES = 8;
export const MESH_KEY_BYTES = 16;
/** What people call a machine. */
export const MAX_NODE_NAME = 64;

const nonce = bytesOf(NONCE_BYTES);
const keyTag = bytesOf(KEY_TAG_BYTES);
const version = z.int().min(1).max(65_535);

/** First frame, from the side that dialled. */
export const admissionOpening = z.discriminatedUnion('kind', [
  /** "I hold a key": `keyTag` says which, to those who hold it too. */
  z.strictObject({ kind: z.literal('prove'), version, nonce, keyTag }),
  /** "Let me in": `commitment` binds this side's nonce before it sees the other's, so that the short words can't be searched for. */
  z.strictObject({ kind: z.literal('join'), version, commitment: bytesOf(32), name: z.string().min(1).max(MAX_NODE_NAME) }),
]);
export type AdmissionOpening = z.infer<typeof admissionOpening>;

/** No, and why; the connection ends. */
export const admissionRefusal = z.strictObject({
  kind: z.literal('refused'),
  code: z.enum(['version_mismatch', 'wrong_key', 'removed', 'busy', 'not_approved', 'no_key', 'bad_message']),
  message: z.string().max(500),
  version,
});
export type AdmissionRefusal = z.infer<typeof admissionRefusal>;

/** Answer to `prove`: the key that this side proves, which is the asker's where it holds that. */
export const admissionChallenge = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('challenge'), version, nonce, keyTag }),
  admissionRefusal,
]);

/** Proof of the key: first from the side that dialled, then from the other. */
export const admissionProof = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('proof'), mac: bytesOf(MAC_BYTES) }),
  admissionRefusal,
]);

/** Answer to `join`. */
export const joinChallenge = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('join-challenge'), version, nonce }),
  admissionRefusal,
]);

/** Opens the commitment of `join`. From here on both sides show the same words and wait for a person. */
export const joinReveal = z.strictObject({ kind: z.literal('join-reveal'), nonce });

/** The person said yes. */
export const joinAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('welcome'), key: bytesOf(MESH_KEY_BYTES), epoch: z.int().min(0) }),
  admissionRefusal,
]);
