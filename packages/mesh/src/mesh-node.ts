import type { Mesh, PeerId, Startable } from '@pippa/core';
import type { PendingJoin } from './admission/join-desk.ts';
import type { NearbyMesh } from './discovery/discovery.ts';
import type { MembershipStatus } from './membership/membership-service.ts';
import type { MeshProblem } from './problems.ts';
import type { Traffic } from './transport/corked-tcp.ts';

export interface AskToJoinOptions {
  /** Multiaddr of the member to ask. Left out: the given `peers`, then whoever is heard nearby. */
  readonly address?: string;
  /** The words are there, to be shown until it is decided. */
  readonly onWords?: (words: string) => void;
  readonly signal?: AbortSignal;
}

export interface MeshMember {
  readonly peer: PeerId;
  readonly name: string | undefined;
}

/** A node of a mesh, or one that is about to be. */
export interface MeshNode extends Mesh, Startable {
  /** Multiaddrs under which others reach this node, with its id; empty before `start`. */
  readonly addresses: readonly string[];
  /** What this node sent and received since its start, TCP payload of all its connections. */
  readonly traffic: Traffic;
  readonly problems: readonly MeshProblem[];
  readonly membership: MembershipStatus;
  onMembershipChanged(listener: (status: MembershipStatus) => void): () => void;
  /** Meshes that are heard on the network, this node's own among them. */
  readonly nearby: readonly NearbyMesh[];
  /** Waits until another mesh is heard, `waitMs` at most, and returns what is there. */
  seek(options: { readonly waitMs: number; readonly signal?: AbortSignal }): Promise<readonly NearbyMesh[]>;
  /** Begins a mesh of its own, under a fresh key. Nothing happens to a member. */
  found(): Promise<void>;
  /** Takes on the key in a code. Throws `InviteCodeError`, `AdmissionError` (`already_member`). */
  join(code: string): Promise<void>;
  /** Asks a member for the key and waits for a person there. Throws `AdmissionError`, `PeerUnreachableError`, or the signal's reason. */
  askToJoin(options?: AskToJoinOptions): Promise<void>;
  /** The code by which others join. Throws `AdmissionError` (`no_key`). */
  readonly inviteCode: string;
  /** Nodes that wait for `approve`. */
  readonly pendingJoins: readonly PendingJoin[];
  onPendingJoinsChanged(listener: (pending: readonly PendingJoin[]) => void): () => void;
  /** Lets a waiting node in, by its id or name. Throws `AdmissionError` (`not_waiting`, `ambiguous`). */
  approve(peerOrName: string): PendingJoin;
  /** Turns it away. */
  deny(peerOrName: string): PendingJoin;
  /** Says goodbye to all and forgets the mesh. */
  leave(): Promise<void>;
  /** Those that this node knows to be in the mesh, present or away, with what they were last called. */
  readonly members: readonly MeshMember[];
  /**
   * Removes a member, present or away, by id or name, and gives the others a new key. Throws `AdmissionError` (`no_such_member`,
   * `ambiguous`, `itself`).
   */
  kick(peerOrName: string): Promise<PeerId>;
  /** The machine is about to sleep: says goodbye to all, so that nobody has to wait for it, and is silent until `wake`. */
  doze(): Promise<void>;
  /**
   * The machine slept: links that there still are lead to nobody, the others gave this node up long ago. They are dropped, and all members
   * are dialled again.
   */
  wake(): void;
  /** Measures the link to a peer with a short bulk transfer; bytes a second. */
  measureThroughput(peer: PeerId, options?: { readonly signal?: AbortSignal }): Promise<number>;
}
