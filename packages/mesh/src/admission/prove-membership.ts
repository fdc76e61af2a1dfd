import type { PeerId } from '@pippa/core';
import {
  admissionChallenge,
  admissionProof,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  type AdmissionOpening,
  type AdmissionRefusal,
} from '@pippa/protocol';
import { randomBytes } from 'node:crypto';
import { AdmissionError } from '../errors.ts';
import type { Membership } from '../state/membership.ts';
import type { Dialogue } from './dialogue.ts';
import { equalBytes, keyTag, proveKey, type Transcript } from './key-material.ts';
import { findByTag, usableKeys, type UsableKey } from './key-ring.ts';

export interface ProofParts {
  readonly dialogue: Dialogue;
  readonly self: PeerId;
  readonly peer: PeerId;
  readonly membership: Membership;
  readonly signal: AbortSignal;
}

const WRONG_KEY = 'The other node belongs to another mesh.';

export function refusal(code: AdmissionRefusal['code'], message: string): AdmissionRefusal {
  return { kind: 'refused', code, message, version: PROTOCOL_VERSION };
}

/** Turns the other side's no into an error that says what to do. */
export function refusedBy(peer: PeerId, answer: AdmissionRefusal): AdmissionError {
  const hints: Partial<Record<AdmissionRefusal['code'], string>> = {
    wrong_key: 'Take a code from that node (pippa-agent invite) and start with --join <code>.',
    removed: 'This node was removed from the mesh. Join again with a new code.',
    version_mismatch: `This node speaks version ${PROTOCOL_VERSION}, the other one ${answer.version}. Update the older one.`,
  };
  const hint = hints[answer.code];
  return new AdmissionError(`${peer} refused: ${answer.message}`, answer.code, hint === undefined ? {} : { hint });
}

/** The side that dialled: names its key, proves it first, and checks the other's proof. Throws `AdmissionError`. */
export async function proveAsInitiator({ dialogue, self, peer, membership, signal }: ProofParts): Promise<UsableKey> {
  const keys = usableKeys(membership, peer);
  const initiatorNonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const opening = {
    kind: 'prove',
    version: PROTOCOL_VERSION,
    nonce: initiatorNonce,
    keyTag: keyTag(membership.key, initiatorNonce),
  };
  await dialogue.say(opening);
  const challenge = await dialogue.hear(admissionChallenge, 'admission', signal);
  if (challenge.kind === 'refused') throw refusedBy(peer, challenge);
  const transcript: Transcript = { initiator: self, responder: peer, initiatorNonce, responderNonce: challenge.nonce };
  const used = findByTag(keys, challenge.keyTag, initiatorNonce, challenge.nonce);
  if (used === undefined) throw new AdmissionError(`${peer} belongs to another mesh.`, 'wrong_key');
  await dialogue.say({ kind: 'proof', mac: proveKey(used.key, 'initiator', transcript) });
  const proof = await dialogue.hear(admissionProof, 'admission', signal);
  if (proof.kind === 'refused') throw refusedBy(peer, proof);
  if (!equalBytes(proof.mac, proveKey(used.key, 'responder', transcript)))
    throw new AdmissionError(`${peer} could not prove the mesh key.`, 'wrong_key');
  return used;
}

/** The side that was dialled: shows no proof before it has seen one. Throws `AdmissionError` after telling the other side. */
export async function proveAsResponder(
  { dialogue, self, peer, membership, signal }: ProofParts,
  opening: Extract<AdmissionOpening, { kind: 'prove' }>,
): Promise<UsableKey> {
  const keys = usableKeys(membership, peer);
  const responderNonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const shared = findByTag(keys, opening.keyTag, opening.nonce);
  if (shared === undefined && membership.removed.includes(peer)) {
    await dialogue.say(refusal('removed', 'This node was removed from the mesh.'));
    throw new AdmissionError(`${peer} was removed from the mesh and tried to come back.`, 'removed');
  }
  const used = shared ?? { key: membership.key, epoch: membership.epoch, former: false };
  await dialogue.say({
    kind: 'challenge',
    version: PROTOCOL_VERSION,
    nonce: responderNonce,
    keyTag: keyTag(used.key, opening.nonce, responderNonce),
  });
  const proof = await dialogue.hear(admissionProof, 'admission', signal);
  if (proof.kind === 'refused') throw refusedBy(peer, proof);
  const transcript: Transcript = { initiator: peer, responder: self, initiatorNonce: opening.nonce, responderNonce };
  if (!equalBytes(proof.mac, proveKey(used.key, 'initiator', transcript))) {
    await dialogue.say(refusal('wrong_key', WRONG_KEY));
    throw new AdmissionError(`${peer} could not prove the mesh key.`, 'wrong_key');
  }
  await dialogue.say({ kind: 'proof', mac: proveKey(used.key, 'responder', transcript) });
  return used;
}
