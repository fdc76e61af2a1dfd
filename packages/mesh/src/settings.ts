import { z } from 'zod';

const duration = (fallback: number) => z.number().min(10).max(600_000).default(fallback);

/** Times of a mesh, in milliseconds, and its shape. All nodes of a mesh should run the same. */
export const meshSettings = z.strictObject({
  /** How often a peer is asked whether it is there: one that streams are open to, and the two neighbours in the order of ids. */
  heartbeatMs: duration(400),
  /** How often the others are asked, whose neighbours watch them. */
  idleMs: z.int().min(10).max(60_000).default(5_000),
  /** Silence after which a peer is `suspect`: longer than the stalls that Wi-Fi has every day. */
  suspectMs: duration(1_000),
  /** Silence after which it is `dead` and its streams are given up. */
  deadMs: duration(3_000),
  /** A dead peer is listed for this long. */
  forgetMs: duration(600_000),
  /** First wait before a lost or silent address is dialled again; doubles up to `redialMaxMs`. */
  redialMs: duration(500),
  redialMaxMs: duration(15_000),
  /** A stranger that has not proven the key after this is cut off. */
  admissionMs: duration(10_000),
  /** Changes of a card are gathered for this long. */
  cardMs: duration(200),
  /** How long the node with the larger id leaves dialling to the other, which has discovered it too. */
  dialPatienceMs: duration(500),
  /** How often the network is asked for members again; answers come at once. */
  discoveryMs: duration(2_000),
  /** How long a person has to approve a node that wants to join. */
  approvalMs: duration(600_000),
  /** Up to so many members, every node has a link to every other. */
  fullMeshMembers: z.int().min(1).max(512).default(16),
  /** In a larger mesh each node keeps so many links, and makes more as they are needed. */
  enoughLinks: z.int().min(1).max(128).default(5),
});
export type MeshSettings = z.infer<typeof meshSettings>;
export type MeshSettingsInput = z.input<typeof meshSettings>;
