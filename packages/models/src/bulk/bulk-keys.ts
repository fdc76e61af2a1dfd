import { hkdfSync } from 'node:crypto';
import type { PeerId } from '@pippa/core';

export const SECRET_BYTES = 32;
export const TOKEN_BYTES = 16;
export const KEY_BYTES = 16;

/** What the two sides agreed on over their authenticated stream, seen alike from both. */
export interface BulkAgreement {
  readonly opener: PeerId;
  readonly server: PeerId;
  /** Random of each side, sent to the other over the stream. */
  readonly openerSecret: Uint8Array;
  readonly serverSecret: Uint8Array;
  readonly token: Uint8Array;
}

/**
 * The key of one connection's direction server -> opener. Bound to both peers, to both sides' randomness, to the token and to the
 * connection's own nonce, which the opener draws for each connection it makes: no key is ever used for two connections, so that counting
 * nonces from zero never repeats one.
 */
export function bulkKey(agreement: BulkAgreement, connectionNonce: Uint8Array): Uint8Array {
  const { opener, server, openerSecret, serverSecret, token } = agreement;
  const secret = Buffer.concat([openerSecret, serverSecret]);
  const salt = Buffer.concat([token, connectionNonce]);
  const info = `pippa bulk 1\n${opener}\n${server}`;
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, KEY_BYTES));
}
