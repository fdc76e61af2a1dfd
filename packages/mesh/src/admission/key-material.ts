import type { PeerId } from '@pippa/core';
import { KEY_TAG_BYTES } from '@pippa/protocol';
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Every use of the mesh key has a key of its own, so that what one shows says nothing of another. */
function derive(meshKey: Uint8Array, purpose: string, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', meshKey, 'pippa mesh 1', purpose, bytes));
}

/** What a mesh is called on the network: strangers see that it exists and nothing else. */
export function discoveryTag(meshKey: Uint8Array): string {
  return Buffer.from(derive(meshKey, 'discovery', 8)).toString('hex');
}

/** Both sides of a handshake, as noise has proven them, and their fresh nonces. */
export interface Transcript {
  readonly initiator: PeerId;
  readonly responder: PeerId;
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
}

export type Role = 'initiator' | 'responder';

export function lengthPrefixed(parts: readonly (Uint8Array | string)[]): Uint8Array {
  const encoded = parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part));
  return Buffer.concat(encoded.flatMap((part) => [Uint8Array.of(part.length >> 8, part.length & 0xff), part]));
}

/**
 * Proof of the key by one side. It holds for these two peer ids and nonces and for this role: it can't be replayed, handed on by a
 * man in the middle (who has another id), or sent back.
 */
export function proveKey(meshKey: Uint8Array, role: Role, transcript: Transcript): Uint8Array {
  const { initiator, responder, initiatorNonce, responderNonce } = transcript;
  return createHmac('sha256', derive(meshKey, 'admission', 32))
    .update(lengthPrefixed(['pippa admission 1', role, initiator, responder, initiatorNonce, responderNonce]))
    .digest();
}

/** Says which key is meant, to those who hold it; other every time. */
export function keyTag(meshKey: Uint8Array, ...nonces: readonly Uint8Array[]): Uint8Array {
  return createHmac('sha256', derive(meshKey, 'key tag', 32))
    .update(lengthPrefixed(nonces))
    .digest()
    .subarray(0, KEY_TAG_BYTES);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
