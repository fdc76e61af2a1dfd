import type { NodeCard, Peer } from '@pippa/core';
import { peerId } from '@pippa/core';
import { z } from 'zod';

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const peer = z.string().max(128).transform(peerId);

/** Cards were checked when they came in; between two parts of one agent their shape is taken as given. */
export const nodeCardSchema = z.custom<NodeCard>(isObject);
export const peerSchema = z.custom<Peer>(isObject);

export const pendingJoinSchema = z.object({ peer, name: z.string(), words: z.string() });

export const meshProblemSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

export const namedNodeSchema = z.object({ peer, name: z.string() });

/** What a node tells of itself and its mesh. */
export const nodeReportSchema = z.object({
  version: z.string(),
  /** Process id. */
  pid: z.int(),
  /** Where its HTTP API listens; missing until it does. */
  url: z.string().optional(),
  mesh: z.discriminatedUnion('state', [
    z.object({
      state: z.literal('on'),
      membership: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('member'), open: z.boolean(), missesOthers: z.boolean() }),
        z.object({ kind: z.literal('stranger') }),
        z.object({ kind: z.literal('asking'), words: z.string() }),
      ]),
      /** Meshes of other keys that are heard on the network. */
      otherMeshes: z.int(),
      /** Multiaddrs that others can dial. */
      addresses: z.array(z.string()),
    }),
    z.object({ state: z.enum(['off', 'failed']), reason: z.string() }),
  ]),
  self: nodeCardSchema,
  peers: z.array(peerSchema),
  pendingJoins: z.array(pendingJoinSchema),
  problems: z.array(meshProblemSchema),
});

export type NodeReport = z.output<typeof nodeReportSchema>;
