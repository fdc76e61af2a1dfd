import { peerId, type NodeCard, type Peer, type PeerId } from '@pippa/core';
import { findNode } from '../../src/mesh/find-node.ts';
import type {
  MembershipFacts,
  MeshAdministration,
  MeshProblem,
  NamedNode,
  PendingJoin,
} from '../../src/mesh/mesh-administration.ts';
import { sampleReport } from './sample-report.ts';

/** A mesh that does what it is told, and remembers it. */
export class FakeAdministration implements MeshAdministration {
  card: NodeCard = sampleReport().self;
  readonly self: PeerId = this.card.peer;
  membership: MembershipFacts = { kind: 'member', open: false, missesOthers: false };
  currentPeers: readonly Peer[] = sampleReport().peers;
  waiting: readonly PendingJoin[] = [{ peer: peerId('12D3KooWdora'), name: 'dora', words: 'apple river stone' }];
  found: readonly MeshProblem[] = [];
  offsets = new Map<PeerId, number>();
  readonly done: string[] = [];
  readonly #listeners = new Set<() => void>();

  otherMeshes(): number {
    return 0;
  }

  addresses(): readonly string[] {
    return ['/ip4/192.168.1.5/tcp/11501/p2p/12D3KooWanna'];
  }

  peers(): readonly Peer[] {
    return this.currentPeers;
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  changed(peers: readonly Peer[]): void {
    this.currentPeers = peers;
    for (const listener of this.#listeners) listener();
  }

  inviteCode(): string {
    return 'K3QF-7XWM-0000-0000-0000-0000-0000';
  }

  pendingJoins(): readonly PendingJoin[] {
    return this.waiting;
  }

  async approve(name: string): Promise<NamedNode> {
    const { peer, name: found } = findNode(name, this.waiting, 'waiting node');
    this.done.push(`approve ${found}`);
    return { peer, name: found };
  }

  async leave(): Promise<void> {
    this.done.push('leave');
  }

  async kick(name: string): Promise<NamedNode> {
    const nodes = this.currentPeers.map(({ id, card }) => ({ peer: id, name: card?.name ?? id }));
    const found = findNode(name, nodes);
    this.done.push(`kick ${found.name}`);
    return found;
  }

  problems(): readonly MeshProblem[] {
    return this.found;
  }

  async probe(): Promise<void> {
    this.done.push('probe');
  }

  async clockOffsets(): Promise<ReadonlyMap<PeerId, number>> {
    return this.offsets;
  }
}
