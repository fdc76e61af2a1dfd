import type { PeerId } from '@pippa/core';
import { MESH_KEY_BYTES } from '@pippa/protocol';
import { randomBytes } from 'node:crypto';
import { MAX_FORMER_KEYS, MAX_KNOWN_MEMBERS, type Membership } from './membership.ts';

/** A key that a member says is the mesh's from now on, because of those who were removed. */
export interface KeyChange {
  readonly key: Uint8Array;
  readonly epoch: number;
  readonly removed: readonly PeerId[];
}

/** The change that removes `peers`. */
export function removalOf(membership: Membership, peers: readonly PeerId[]): KeyChange {
  return {
    key: new Uint8Array(randomBytes(MESH_KEY_BYTES)),
    epoch: membership.epoch + 1,
    removed: [...new Set([...membership.removed, ...peers])].slice(-MAX_KNOWN_MEMBERS),
  };
}

/** Of two changes made at once the one with the larger key holds, on every node. */
export function isNewer(change: Pick<KeyChange, 'key' | 'epoch'>, membership: Pick<Membership, 'key' | 'epoch'>): boolean {
  if (change.epoch !== membership.epoch) return change.epoch > membership.epoch;
  return Buffer.compare(change.key, membership.key) > 0;
}

/** The membership after a change. `present` are the members known now: those among them who were away get the new key by the old. */
export function applyKeyChange(membership: Membership, change: KeyChange, present: readonly PeerId[]): Membership {
  const removed = new Set(change.removed);
  const staying = (peers: readonly PeerId[]): PeerId[] =>
    [...new Set(peers)].filter((peer) => !removed.has(peer)).slice(0, MAX_KNOWN_MEMBERS);
  return {
    key: change.key,
    epoch: change.epoch,
    former: [
      {
        key: membership.key,
        epoch: membership.epoch,
        members: staying([...membership.members.map(({ peer }) => peer), ...present]),
      },
      ...membership.former.map((former) => ({ ...former, members: staying(former.members) })),
    ].slice(0, MAX_FORMER_KEYS),
    removed: [...removed],
    members: membership.members.filter(({ peer }) => !removed.has(peer)),
  };
}
