import type { PeerId } from '@pippa/core';
import type { Membership } from '../state/membership.ts';
import { equalBytes, keyTag } from './key-material.ts';

/** A key that a handshake may run under. */
export interface UsableKey {
  readonly key: Uint8Array;
  readonly epoch: number;
  /** A rotation replaced it; it only serves to hand the new one to those who were members under it. */
  readonly former: boolean;
}

/** The keys that this node would admit `peer` by, the current one first. */
export function usableKeys(membership: Membership, peer: PeerId): readonly UsableKey[] {
  if (membership.removed.includes(peer)) return [{ key: membership.key, epoch: membership.epoch, former: false }];
  return [
    { key: membership.key, epoch: membership.epoch, former: false },
    ...membership.former
      .filter((former) => former.members.includes(peer))
      .map((former) => ({ key: former.key, epoch: former.epoch, former: true })),
  ];
}

export function findByTag(keys: readonly UsableKey[], tag: Uint8Array, ...nonces: readonly Uint8Array[]): UsableKey | undefined {
  return keys.find(({ key }) => equalBytes(keyTag(key, ...nonces), tag));
}
