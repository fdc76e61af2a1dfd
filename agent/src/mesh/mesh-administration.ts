import type { NodeCard, Peer, PeerId } from '@pippa/core';

/** A node that waits for a person to let it in. */
export interface PendingJoin {
  readonly peer: PeerId;
  /** What it calls itself. */
  readonly name: string;
  /** Short words that both sides show: the same ones, unless somebody is in between. */
  readonly words: string;
}

/** Something that keeps nodes apart, as this node saw it. */
export interface MeshProblem {
  /** Stable: `duplicate_identity`, `wrong_key`, `version_mismatch`, `removed`, `multicast_failed`, `port_taken`, ... */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** A node that was meant by name. */
export interface NamedNode {
  readonly peer: PeerId;
  readonly name: string;
}

/** Whether this node is in a mesh. */
export type MembershipFacts =
  /** `open`: everybody who finds it is let in. `missesOthers`: it has companions, none of which has been found since the start. */
  | { readonly kind: 'member'; readonly open: boolean; readonly missesOthers: boolean }
  | { readonly kind: 'stranger' }
  /** Waits to be let in; `words` are to be compared with those that a member shows. */
  | { readonly kind: 'asking'; readonly words: string };

/** What the commands need of the mesh. Names are those of cards; a node's id, or the start of one, names it too. */
export interface MeshAdministration {
  readonly self: PeerId;
  readonly card: NodeCard;
  readonly membership: MembershipFacts;
  /** Meshes of other keys that are heard on the network. */
  otherMeshes(): number;
  /** Multiaddrs that others can dial. */
  addresses(): readonly string[];
  peers(): readonly Peer[];
  /** Calls back after anything of a peer, of this node's membership or of those who wait changed. Returns how to stop that. */
  onChanged(listener: () => void): () => void;
  /** What another node joins with; it is the mesh's key. */
  inviteCode(): string;
  pendingJoins(): readonly PendingJoin[];
  /** Lets a waiting node in. Throws `NoSuchNodeError` or `AmbiguousNodeError`. */
  approve(name: string): Promise<NamedNode>;
  /** Forgets the mesh; the node is a mesh of one from then on. */
  leave(): Promise<void>;
  /** Removes a node, present or away, and gives the others a new key. Throws `NoSuchNodeError` or `AmbiguousNodeError`. */
  kick(name: string): Promise<NamedNode>;
  problems(): readonly MeshProblem[];
  /** Measures the links to all peers anew, one after the other; `peers` has the figures then. Rejects with the signal's reason. */
  probe(signal: AbortSignal): Promise<void>;
  /** How far each peer's wall clock is ahead of this one's, milliseconds; peers that do not answer are left out. */
  clockOffsets(signal: AbortSignal): Promise<ReadonlyMap<PeerId, number>>;
}

/** The mesh as the running agent has it. */
export type MeshState =
  | { readonly state: 'on'; readonly administration: MeshAdministration }
  /** `failed`: it was asked for and could not start; the agent goes on alone. */
  | { readonly state: 'off' | 'failed'; readonly reason: string; readonly card: NodeCard };
