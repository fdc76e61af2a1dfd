import { MAX_NODE_NAME, MESH_KEY_BYTES, multiaddrText, peerIdText } from '@pippa/protocol';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';

/** Keys of before rotations that are kept for members who were away; older ones join anew. */
export const MAX_FORMER_KEYS = 8;
/** Members remembered with their addresses, so that they are found without multicast. */
export const MAX_KNOWN_MEMBERS = 256;

const key = z
  .string()
  .regex(new RegExp(`^[0-9a-f]{${MESH_KEY_BYTES * 2}}$`))
  .transform((text): Uint8Array => new Uint8Array(Buffer.from(text, 'hex')));

export const membershipFile = z.object({
  key,
  epoch: z.int().min(0),
  former: z
    .array(z.object({ key, epoch: z.int().min(0), members: z.array(peerIdText).max(MAX_KNOWN_MEMBERS) }))
    .max(MAX_FORMER_KEYS)
    .default([]),
  removed: z.array(peerIdText).max(MAX_KNOWN_MEMBERS).default([]),
  members: z
    .array(
      z.object({
        peer: peerIdText,
        addresses: z.array(multiaddrText).max(32),
        name: z.string().max(MAX_NODE_NAME).exactOptional(),
      }),
    )
    .max(MAX_KNOWN_MEMBERS)
    .default([]),
});

/** What a node keeps of its mesh: the key, those before it, and whom it knows. */
export type Membership = z.infer<typeof membershipFile>;

/** A mesh of its own, under a fresh 128-bit key. */
export function foundMesh(): Membership {
  return membershipOf(new Uint8Array(randomBytes(MESH_KEY_BYTES)), 0);
}

export function membershipOf(meshKey: Uint8Array, epoch: number): Membership {
  return { key: meshKey, epoch, former: [], removed: [], members: [] };
}

export function membershipText(membership: Membership): string {
  return `${JSON.stringify(
    {
      ...membership,
      key: Buffer.from(membership.key).toString('hex'),
      former: membership.former.map((former) => ({ ...former, key: Buffer.from(former.key).toString('hex') })),
    },
    undefined,
    2,
  )}\n`;
}
