import { peerId, type Clock } from '@pippa/core';
import type { MeshNode } from '@pippa/mesh';
import { NoSuchNodeError } from '../errors.ts';
import { askClocks } from './clock-offsets.ts';
import { findNode } from './find-node.ts';
import type { MembershipFacts, MeshAdministration, NamedNode } from './mesh-administration.ts';
import type { LinkProbes } from './probe-links.ts';
import type { SharedJoins } from './shared-joins.ts';

/** As libp2p writes Ed25519 keys; the mesh looks closer. */
const WHOLE_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

export interface AdministerParts {
  readonly clock: Clock;
  readonly joins: SharedJoins;
  readonly probes: LinkProbes;
  /** Whether this node has companions: it joined them, or met them before. */
  hasCompanions(): boolean;
}

/** The mesh as the commands see it. */
export function administer(node: MeshNode, { clock, joins, probes, hasCompanions }: AdministerParts): MeshAdministration {
  return {
    self: node.self,
    get card() {
      return node.card;
    },
    get membership() {
      return membershipFacts(node, hasCompanions());
    },
    otherMeshes() {
      const own = node.membership.kind === 'member' ? node.membership.tag : undefined;
      return node.nearby.filter(({ tag }) => tag !== own).length;
    },
    addresses: () => node.addresses,
    peers: () => node.peers(),
    onChanged(listener) {
      const stops = [node.onPeersChanged(listener), node.onMembershipChanged(listener), joins.onChanged(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    inviteCode: () => node.inviteCode,
    pendingJoins: () => joins.list,
    approve: (name) => joins.approve(name),
    async leave() {
      await node.leave();
      // Not left without a mesh: others can be invited into the new one.
      await node.found();
    },
    async kick(name) {
      const member = memberOf(node, name);
      await node.kick(member.peer);
      return member;
    },
    problems: () => node.problems,
    probe: (signal) => probes.measureAll(signal),
    clockOffsets: (signal) => askClocks(node, clock, signal),
  };
}

/** A member, present or away, or this node itself, which the mesh then refuses to remove. A whole id may be one that others know alone. */
function memberOf(node: MeshNode, name: string): NamedNode {
  const members = node.members.map((member) => ({ peer: member.peer, name: member.name ?? member.peer }));
  try {
    return findNode(name, members);
  } catch (error) {
    if (!(error instanceof NoSuchNodeError)) throw error;
    if (name === node.card.name || name === node.self) return { peer: node.self, name };
    if (!WHOLE_ID.test(name)) throw error;
    return { peer: peerId(name), name };
  }
}

function membershipFacts(node: MeshNode, hasCompanions: boolean): MembershipFacts {
  const { membership } = node;
  switch (membership.kind) {
    case 'member':
      return { kind: 'member', open: membership.open, missesOthers: hasCompanions && node.peers().length === 0 };
    case 'asking':
      return { kind: 'asking', words: membership.words };
    case 'stranger':
      return { kind: 'stranger' };
  }
}
