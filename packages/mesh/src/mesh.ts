import { randomBytes } from 'node:crypto';
import {
  silentLogger,
  StoppedError,
  systemClock,
  type FrameStream,
  type NodeCard,
  type OpenStreamOptions,
  type Peer,
  type PeerId,
  type RequestOptions,
} from '@pippa/core';
import { ADMISSION_PROTOCOL, INSTANCE_BYTES, PROTOCOL_VERSION, STREAM_PROTOCOL } from '@pippa/protocol';
import type { Libp2p } from 'libp2p';
import { Gate } from './admission/gate.ts';
import { JoinDesk, type PendingJoin } from './admission/join-desk.ts';
import { Joiner } from './admission/joiner.ts';
import { OwnCard, type CardUpdate } from './cards/own-card.ts';
import type { NearbyMesh } from './discovery/discovery.ts';
import { Neighbourhood } from './discovery/neighbourhood.ts';
import { OwnAddresses } from './discovery/own-addresses.ts';
import { AdmissionError } from './errors.ts';
import { answerProbe, PROBE_PROTOCOL, probeThroughput } from './links/probe.ts';
import { MembershipService, type MembershipStatus } from './membership/membership-service.ts';
import type { AskToJoinOptions, MeshMember, MeshNode } from './mesh-node.ts';
import type { MeshOptions } from './mesh-options.ts';
import { checkAddress } from './peers/check-address.ts';
import { Dialer } from './peers/dialer.ts';
import { PeerManager } from './peers/peer-manager.ts';
import { PeerTable } from './peers/peer-table.ts';
import { DUPLICATE_HINT, Problems, type MeshProblem } from './problems.ts';
import { meshSettings } from './settings.ts';
import { StreamService } from './streams/stream-service.ts';
import type { Traffic } from './transport/corked-tcp.ts';
import { createTransport } from './transport/create-libp2p.ts';

const MAX_INBOUND_STREAMS = 512;
const PROBE_TIMEOUT_MS = 10_000;

/** Makes a node; nothing happens before `start`. Throws for options that can't be. */
export function createMesh(options: MeshOptions): MeshNode {
  return new LibP2pMesh(options);
}

/** Binds the parts together; each of them does its own work. */
class LibP2pMesh implements MeshNode {
  readonly self: PeerId;
  readonly #options: MeshOptions;
  readonly #settings;
  readonly #clock;
  readonly #logger;
  readonly #instance = new Uint8Array(randomBytes(INSTANCE_BYTES));
  readonly #addresses: OwnAddresses;
  readonly #table: PeerTable;
  readonly #problems = new Problems();
  readonly #ownCard: OwnCard;
  readonly #streams: StreamService;
  readonly #gate: Gate;
  readonly #manager: PeerManager;
  readonly #membership: MembershipService;
  readonly #joinDesk: JoinDesk;
  readonly #joiner: Joiner;
  readonly #neighbourhood: Neighbourhood;
  readonly #pendingListeners = new Set<(pending: readonly PendingJoin[]) => void>();
  #libp2p: Libp2p | undefined;
  #dialer: Dialer | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** The machine is about to sleep. */
  #dozing = false;

  constructor(options: MeshOptions) {
    const { state, clock = systemClock, logger = silentLogger } = options;
    this.#options = options;
    this.#settings = meshSettings.parse(options.settings ?? {});
    this.#clock = clock;
    this.#logger = logger;
    this.self = state.identity.peer;
    for (const address of options.peers ?? []) checkAddress(address);
    this.#addresses = new OwnAddresses(options, () => (this.#libp2p?.getMultiaddrs() ?? []).map(String));
    this.#table = new PeerTable(logger);
    this.#ownCard = new OwnCard(options.card, {
      identity: state.identity,
      clock,
      protocolVersion: PROTOCOL_VERSION,
      delayMs: this.#settings.cardMs,
      addresses: () => this.#addresses.dialable,
      publish: (change) => this.#manager.publish(change),
    });
    this.#streams = new StreamService({
      self: this.self,
      logger,
      clock,
      linksOf: (peer) => this.#manager.linksOf(peer),
      connect: async (peer, signal) => this.#manager.keeper.connect(peer, signal),
      isAdmitted: async (connection) => this.#gate.isAdmitted(connection),
    });
    this.#membership = new MembershipService({
      state,
      open: options.open ?? false,
      clock,
      logger,
      table: this.#table,
      broadcast: (message, except) => this.#manager.broadcast(message, except),
      drop: (peer) => {
        this.#manager.drop(peer);
        this.#gate.cut(peer);
      },
      onChanged: () => this.#membershipChanged(),
    });
    this.#manager = this.#createManager();
    this.#joinDesk = new JoinDesk({
      self: this.self,
      clock,
      settings: this.#settings,
      membership: () => this.#membership.current,
      onChanged: () => {
        for (const listener of this.#pendingListeners) listener(this.pendingJoins);
      },
    });
    this.#gate = new Gate({
      self: this.self,
      clock,
      logger,
      settings: this.#settings,
      membership: () => this.#membership.current,
      onAdmitted: (admitted) => void this.#manager.admitted(admitted),
      onRefused: (peer, error) => {
        this.#manager.unreachable(peer);
        if (REPORTED_REFUSALS.has(error.code))
          this.#report(peer, error.code, this.#membership.withNames(error.message), error.hint ?? '');
      },
      onJoin: async (dialogue, peer, opening) => this.#joinDesk.serve(dialogue, peer, opening),
    });
    this.#neighbourhood = new Neighbourhood({
      self: this.self,
      instance: Buffer.from(this.#instance).toString('hex'),
      clock,
      settings: this.#settings,
      options,
      addresses: this.#addresses,
      report: (...problem) => this.#report(...problem),
      membership: () => this.#membership.current,
      isSilent: () => this.#dozing,
      dialer: () => this.#requireDialer(),
      onAddressesChanged: () => {
        this.#ownCard.touch();
        this.#manager.keeper.localAddressesChanged();
      },
    });
    this.#joiner = new Joiner({
      self: this.self,
      settings: this.#settings,
      membership: this.#membership,
      gate: this.#gate,
      libp2p: () => this.#requireLibp2p(),
      name: () => this.card.name,
      candidates: () => this.#neighbourhood.candidates,
    });
    this.#streams.handle(PROBE_PROTOCOL, answerProbe);
  }

  get card(): NodeCard {
    return this.#ownCard.card;
  }

  get addresses(): readonly string[] {
    return this.#addresses.dialable.map((address) => `${address}/p2p/${this.self}`);
  }

  get traffic(): Traffic {
    return this.#gate.traffic;
  }

  get problems(): readonly MeshProblem[] {
    return this.#problems.list;
  }

  get membership(): MembershipStatus {
    return this.#membership.status;
  }

  get nearby(): readonly NearbyMesh[] {
    return this.#neighbourhood.nearby;
  }

  get inviteCode(): string {
    return this.#membership.inviteCode;
  }

  get pendingJoins(): readonly PendingJoin[] {
    return this.#joinDesk.pending;
  }

  peers(): readonly Peer[] {
    return [...this.#table.records].map((record) => record.describe());
  }

  peer(id: PeerId): Peer | undefined {
    return this.#table.find(id)?.describe();
  }

  onPeersChanged(listener: (peer: Peer) => void): () => void {
    return this.#table.listen(listener);
  }

  onMembershipChanged(listener: (status: MembershipStatus) => void): () => void {
    return this.#membership.listen(listener);
  }

  onPendingJoinsChanged(listener: (pending: readonly PendingJoin[]) => void): () => void {
    this.#pendingListeners.add(listener);
    return () => this.#pendingListeners.delete(listener);
  }

  updateCard(change: CardUpdate): void {
    this.#ownCard.update(change);
  }

  async open(peer: PeerId, protocol: string, options?: OpenStreamOptions): Promise<FrameStream> {
    return this.#streams.open(peer, protocol, options);
  }

  handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    return this.#streams.handle(protocol, handler);
  }

  async request(peer: PeerId, protocol: string, question: unknown, options?: RequestOptions): Promise<unknown> {
    return this.#streams.request(peer, protocol, question, options);
  }

  answer(protocol: string, answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>): () => void {
    return this.#streams.answer(protocol, answer);
  }

  async seek(options: { readonly waitMs: number; readonly signal?: AbortSignal }): Promise<readonly NearbyMesh[]> {
    return this.#neighbourhood.seek(options);
  }

  async found(): Promise<void> {
    await this.#membership.found();
  }

  async join(code: string): Promise<void> {
    await this.#membership.join(code);
  }

  async askToJoin(options: AskToJoinOptions = {}): Promise<void> {
    await this.#joiner.ask(options);
  }

  approve(peerOrName: string): PendingJoin {
    return this.#joinDesk.decide(peerOrName, true);
  }

  deny(peerOrName: string): PendingJoin {
    return this.#joinDesk.decide(peerOrName, false);
  }

  async leave(): Promise<void> {
    this.#membership.require();
    await this.#manager.leaveAll();
    await this.#membership.leave();
  }

  get members(): readonly MeshMember[] {
    return this.#membership.members;
  }

  async kick(peerOrName: string): Promise<PeerId> {
    const peer = this.#membership.resolve(peerOrName);
    if (peer === this.self)
      throw new AdmissionError('A node cannot remove itself.', 'itself', { hint: 'Leave the mesh instead: pippa-agent leave.' });
    await this.#membership.kick(peer);
    return peer;
  }

  async measureThroughput(peer: PeerId, { signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
    const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const until = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const throughput = await probeThroughput(this, peer, this.#clock, until);
    const record = this.#table.find(peer);
    const link = record?.usableLinks[0];
    if (record !== undefined && link !== undefined) {
      link.throughput = throughput;
      this.#table.changed(record);
    }
    return throughput;
  }

  async doze(): Promise<void> {
    if (this.#libp2p === undefined || this.#dozing) return;
    this.#dozing = true;
    this.#dialer?.rest();
    await this.#manager.farewell();
  }

  wake(): void {
    if (this.#libp2p === undefined || this.#stopping !== undefined) return;
    this.#dozing = false;
    this.#manager.forsakeLinks();
    this.#dialer?.resume();
    if (this.#membership.current !== undefined) this.#neighbourhood.goAmongMembers();
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
    const create = this.#options.createTransport ?? createTransport;
    const libp2p = await create({ privateKey: this.#options.state.identity.privateKey, listen: this.#addresses.toListenOn });
    this.#libp2p = libp2p;
    this.#dialer = new Dialer({
      self: this.self,
      libp2p,
      clock: this.#clock,
      logger: this.#logger,
      settings: this.#settings,
      random: this.#options.random ?? Math.random,
      isConnected: (peer) => this.#manager.isConnected(peer),
      wants: (peer) => this.#manager.shape.wants(peer),
      onFailed: (peer) => this.#manager.unreachable(peer),
      onSelf: (address) => this.#metSelf(address),
    });
    libp2p.addEventListener('connection:open', ({ detail }) => this.#gate.opened(detail));
    await libp2p.handle(ADMISSION_PROTOCOL, async (stream, connection) => this.#gate.answer(stream, connection), {
      maxInboundStreams: 1,
    });
    await libp2p.handle(STREAM_PROTOCOL, async (stream, connection) => this.#streams.accept(stream, connection), {
      maxInboundStreams: MAX_INBOUND_STREAMS,
      maxOutboundStreams: MAX_INBOUND_STREAMS,
    });
    await libp2p.start();
    const { port = 0 } = this.#options.listen ?? {};
    if (libp2p.getMultiaddrs().length === 0)
      this.#report(
        String(port),
        'port_taken',
        `Port ${port} cannot be listened on; others can't dial this node.`,
        'Choose another --mesh-port.',
      );
    await this.#ownCard.signed();
    this.#manager.start();
    await this.#neighbourhood.start();
    if (this.#membership.current !== undefined) this.#neighbourhood.goAmongMembers();
  }

  async #stop(): Promise<void> {
    if (this.#starting === undefined) return;
    await this.#starting.catch(() => {});
    this.#neighbourhood.stop();
    this.#dialer?.stop();
    this.#ownCard.stop();
    await this.#manager.stop();
    await this.#membership.stop();
    await this.#libp2p?.stop();
  }

  #createManager(): PeerManager {
    return new PeerManager({
      self: this.self,
      instance: this.#instance,
      clock: this.#clock,
      logger: this.#logger,
      settings: this.#settings,
      table: this.#table,
      ownCard: this.#ownCard,
      streams: this.#streams,
      classify: this.#options.classifyInterface ?? (() => 'unknown'),
      dialer: () => this.#requireDialer(),
      locals: () => this.#addresses.usable,
      random: this.#options.random ?? Math.random,
      isRemoved: (peer) => this.#membership.current?.removed.includes(peer) ?? false,
      hasAddress: (address) => this.#addresses.all.some((local) => local.address === address),
      onRekey: (message, from) => void this.#membership.heed(message, from, this.self),
      onLink: (link) => this.#membership.greet(link, this.#gate.keyOf(link.connection)),
      onCard: (record) => this.#membership.remember(record.id, record.known?.addresses ?? [], record.card?.name ?? ''),
      onDuplicate: (peer) => this.#report(peer, 'duplicate_identity', `Two nodes use the identity ${peer}.`, DUPLICATE_HINT),
    });
  }

  #membershipChanged(): void {
    if (this.#dialer === undefined) return;
    if (this.#membership.current === undefined) {
      this.#dialer.clear();
      this.#gate.cut();
    } else this.#neighbourhood.goAmongMembers();
  }

  #requireDialer(): Dialer {
    if (this.#dialer === undefined) throw new StoppedError('The mesh node has not been started.');
    return this.#dialer;
  }

  #requireLibp2p(): Libp2p {
    if (this.#libp2p === undefined) throw new StoppedError('The mesh node has not been started.');
    return this.#libp2p;
  }

  #metSelf(address: string): void {
    if (this.#addresses.dialable.includes(address)) return;
    this.#report(
      address,
      'duplicate_identity',
      `The node at ${address} has this node's own identity ${this.self}.`,
      DUPLICATE_HINT,
    );
  }

  #report(about: string, code: string, message: string, hint: string): void {
    const isNew = this.#problems.add(about, { code, message, hint, sinceMs: this.#clock.wallMs() });
    if (isNew) this.#logger.warn({ code, about }, message);
  }
}

/** What a person can do something about. */
const REPORTED_REFUSALS: ReadonlySet<string> = new Set(['wrong_key', 'version_mismatch', 'removed', 'no_key']);
