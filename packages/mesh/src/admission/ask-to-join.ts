import type { PeerId } from '@pippa/core';
import { joinAnswer, joinChallenge, MAX_NODE_NAME, NONCE_BYTES, PROTOCOL_VERSION } from '@pippa/protocol';
import { randomBytes } from 'node:crypto';
import type { Dialogue } from './dialogue.ts';
import { refusedBy } from './prove-membership.ts';
import { commitTo, shortWords } from './words.ts';

export interface AskParts {
  readonly dialogue: Dialogue;
  readonly self: PeerId;
  readonly member: PeerId;
  /** What this node is called. */
  readonly name: string;
  readonly admissionMs: number;
  /** Until a person has decided. */
  readonly signal: AbortSignal;
  /** To be shown, and compared with what the member shows. */
  onWords(words: string): void;
}

/** The stranger's side of being let in by a person. Returns the mesh's key; throws `AdmissionError`. */
export async function askToJoin(parts: AskParts): Promise<{ readonly key: Uint8Array; readonly epoch: number }> {
  const { dialogue, self, member, signal } = parts;
  const name = parts.name.slice(0, MAX_NODE_NAME);
  const joinerNonce = new Uint8Array(randomBytes(NONCE_BYTES));
  await dialogue.say({ kind: 'join', version: PROTOCOL_VERSION, commitment: commitTo(joinerNonce), name });
  const soon = AbortSignal.any([signal, AbortSignal.timeout(parts.admissionMs)]);
  const challenge = await dialogue.hear(joinChallenge, 'admission', soon);
  if (challenge.kind === 'refused') throw refusedBy(member, challenge);
  await dialogue.say({ kind: 'join-reveal', nonce: joinerNonce });
  parts.onWords(shortWords({ joiner: self, member, joinerNonce, memberNonce: challenge.nonce, name }));
  const answer = await dialogue.hear(joinAnswer, 'admission', signal);
  if (answer.kind === 'refused') throw refusedBy(member, answer);
  return { key: new Uint8Array(answer.key), epoch: answer.epoch };
}
