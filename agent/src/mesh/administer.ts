import type { Clock } from '@pippa/core';
import type { MeshNode } from '@pippa/mesh';
import { askClocks } from './clock-offsets.ts';
import { findNode } from './find-node.ts';
import type { MembershipFacts, MeshAdministration } from './mesh-administration.ts';
import type { SharedJoins } from './shared-joins.ts';

export interface AdministerParts {
  readonly clock: Clock;
  readonly joins: SharedJoins;
  /** Whether this node has companions: it joined them, or met them before. */
  hasCompanions(): boolean;
}

/** The mesh as the commands see it. */
export function administer(node: MeshNode, { clock, joins, hasCompanions }: AdministerParts): MeshAdministration {
  const members = () => node.peers().map(({ id, card }) => ({ peer: id, name: card?.name ?? id }));
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
      const member = findNode(name, members());
      await node.kick(member.peer);
      return member;
    },
    problems: () => node.problems,
    clockOffsets: (signal) => askClocks(node, clock, signal),
  };
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
