import {
  StoppedError,
  type FrameStream,
  type NodeCard,
  type OpenStreamOptions,
  type Peer,
  type PeerId,
  type RequestOptions,
} from '@pippa/core';
import type { PendingJoin } from './admission/join-desk.ts';
import type { CardUpdate } from './cards/own-card.ts';
import type { NearbyMesh } from './discovery/discovery.ts';
import { AdmissionError } from './errors.ts';
import { probeThroughput } from './links/probe.ts';
import type { MembershipStatus } from './membership/membership-service.ts';
import type { AskToJoinOptions, MeshMember, MeshNode } from './mesh-node.ts';
import type { MeshOptions } from './mesh-options.ts';
import { MeshParts } from './mesh-parts.ts';
import type { MeshProblem } from './problems.ts';
import type { Traffic } from './transport/corked-tcp.ts';

const PROBE_TIMEOUT_MS = 10_000;

/** Makes a node; nothing happens before `start`. Throws for options that can't be. */
export function createMesh(options: MeshOptions): MeshNode {
  return new LibP2pMesh(new MeshParts(options));
}

/** What others see of the parts, and their life from the start to the stop. */
class LibP2pMesh implements MeshNode {
  readonly #parts: MeshParts;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #isDozing = false;

  constructor(parts: MeshParts) {
    this.#parts = parts;
  }

  get self(): PeerId {
    return this.#parts.self;
  }

  get card(): NodeCard {
    return this.#parts.ownCard.card;
  }

  get addresses(): readonly string[] {
    return this.#parts.addresses.dialable.map((address) => `${address}/p2p/${this.self}`);
  }

  get traffic(): Traffic {
    return this.#parts.gate.traffic;
  }

  get problems(): readonly MeshProblem[] {
    return this.#parts.problems.list;
  }

  get membership(): MembershipStatus {
    return this.#parts.membership.status;
  }

  get nearby(): readonly NearbyMesh[] {
    return this.#parts.neighbourhood.nearby;
  }

  get inviteCode(): string {
    return this.#parts.membership.inviteCode;
  }

  get pendingJoins(): readonly PendingJoin[] {
    return this.#parts.joinDesk.pending;
  }

  peers(): readonly Peer[] {
    return [...this.#parts.table.records].map((record) => record.describe());
  }

  peer(id: PeerId): Peer | undefined {
    return this.#parts.table.find(id)?.describe();
  }

  onPeersChanged(listener: (peer: Peer) => void): () => void {
    return this.#parts.table.listen(listener);
  }

  onMembershipChanged(listener: (status: MembershipStatus) => void): () => void {
    return this.#parts.membership.listen(listener);
  }

  onPendingJoinsChanged(listener: (pending: readonly PendingJoin[]) => void): () => void {
    this.#parts.pendingListeners.add(listener);
    return () => this.#parts.pendingListeners.delete(listener);
  }

  updateCard(change: CardUpdate): void {
    this.#parts.ownCard.update(change);
  }

  async open(peer: PeerId, protocol: string, options?: OpenStreamOptions): Promise<FrameStream> {
    return this.#parts.streams.open(peer, protocol, options);
  }

  handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    return this.#parts.streams.handle(protocol, handler);
  }

  async request(peer: PeerId, protocol: string, question: unknown, options?: RequestOptions): Promise<unknown> {
    return this.#parts.streams.request(peer, protocol, question, options);
  }

  answer(protocol: string, answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>): () => void {
    return this.#parts.streams.answer(protocol, answer);
  }

  async seek(options: { readonly waitMs: number; readonly signal?: AbortSignal }): Promise<readonly NearbyMesh[]> {
    return this.#parts.neighbourhood.seek(options);
  }

  async found(): Promise<void> {
    await this.#parts.membership.found();
  }

  async join(code: string): Promise<void> {
    await this.#parts.membership.join(code);
  }

  async askToJoin(options: AskToJoinOptions = {}): Promise<void> {
    await this.#parts.joiner.ask(options);
  }

  approve(peerOrName: string): PendingJoin {
    return this.#parts.joinDesk.decide(peerOrName, true);
  }

  deny(peerOrName: string): PendingJoin {
    return this.#parts.joinDesk.decide(peerOrName, false);
  }

  async leave(): Promise<void> {
    this.#parts.membership.require();
    await this.#parts.manager.leaveAll();
    await this.#parts.membership.leave();
  }

  get members(): readonly MeshMember[] {
    return this.#parts.membership.members;
  }

  async kick(peerOrName: string): Promise<PeerId> {
    const peer = this.#parts.membership.resolve(peerOrName);
    if (peer === this.self)
      throw new AdmissionError('A node cannot remove itself.', 'itself', { hint: 'Leave the mesh instead: pippa-agent leave.' });
    await this.#parts.membership.kick(peer);
    return peer;
  }

  async measureThroughput(peer: PeerId, { signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
    const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const until = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const throughput = await probeThroughput(this, peer, this.#parts.clock, until);
    const record = this.#parts.table.find(peer);
    const link = record?.usableLinks[0];
    if (record !== undefined && link !== undefined) {
      link.throughput = throughput;
      this.#parts.table.changed(record);
    }
    return throughput;
  }

  async doze(): Promise<void> {
    const { transport, neighbourhood, manager } = this.#parts;
    if (!transport.isStarted || this.#isDozing) return;
    this.#isDozing = true;
    neighbourhood.hide();
    transport.dialer.rest();
    await manager.farewell();
  }

  wake(): void {
    if (!this.#parts.transport.isStarted || this.#stopping !== undefined) return;
    this.#isDozing = false;
    this.#parts.neighbourhood.appear();
    this.#parts.manager.forsakeLinks();
    this.#parts.transport.dialer.resume();
    this.#goAmongMembers();
  }

  async start(): Promise<void> {
    if (this.#stopping !== undefined) throw new StoppedError('The mesh node was stopped; make a new one.');
    this.#starting ??= this.#start();
    await this.#starting;
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #start(): Promise<void> {
    const { transport, ownCard, manager, neighbourhood } = this.#parts;
    await transport.start();
    await ownCard.signed();
    manager.start();
    await neighbourhood.start();
    this.#goAmongMembers();
  }

  async #stop(): Promise<void> {
    if (this.#starting === undefined) return;
    await this.#starting.catch(() => {});
    const { transport, ownCard, manager, neighbourhood, membership } = this.#parts;
    neighbourhood.stop();
    transport.stopDialling();
    ownCard.stop();
    await manager.stop();
    await membership.stop();
    await transport.stop();
  }

  #goAmongMembers(): void {
    if (this.#parts.membership.current !== undefined) this.#parts.neighbourhood.goAmongMembers();
  }
}
