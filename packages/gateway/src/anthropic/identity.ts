import { createHash, randomBytes } from 'node:crypto';

export interface MessageIdentity {
  readonly id: string;
  readonly model: string;
}

export const newMessageIdentity = (model: string): MessageIdentity => ({
  id: `msg_${randomBytes(18).toString('base64url')}`,
  model,
});

/** Clients keep a signature with each thinking block and send it back. Nothing here depends on it: a digest of the text will do. */
export const signatureOf = (thinking: string): string => createHash('sha256').update(thinking).digest('base64');
