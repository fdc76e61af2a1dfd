import { randomBytes } from 'node:crypto';
import { silentLogger, systemClock, type PeerId } from '@pippa/core';
import { INSTANCE_BYTES, PROTOCOL_VERSION } from '@pippa/protocol';
import { Gate } from './admission/gate.ts';
import { JoinDesk, type PendingJoin } from './admission/join-desk.ts';
import { Joiner } from './admission/joiner.ts';
import { OwnCard } from './cards/own-card.ts';
import { Neighbourhood } from './discovery/neighbourhood.ts';
import { OwnAddresses } from './discovery/own-addresses.ts';
import { answerProbe, PROBE_PROTOCOL } from './links/probe.ts';
import { MembershipService } from './membership/membership-service.ts';
import type { MeshOptions } from './mesh-options.ts';
import { checkAddress } from './peers/check-address.ts';
import { PeerManager } from './peers/peer-manager.ts';
import { PeerTable } from './peers/peer-table.ts';
import { DUPLICATE_HINT, Problems } from './problems.ts';
import { meshSettings } from './settings.ts';
import { StreamService } from './streams/stream-service.ts';
import { MeshTransport } from './transport/mesh-transport.ts';

/** What a person can do something about. */
const REPORTED_REFUSALS: ReadonlySet<string> = new Set(['wrong_key', 'version_mismatch', 'removed', 'no_key']);

/** The parts of a node and who of them tells whom what; each of them does its own work. Nothing is started. */
export class MeshParts {
  readonly self: PeerId;
  readonly addresses: OwnAddresses;
  readonly table: PeerTable;
  readonly problems = new Problems();
  readonly ownCard: OwnCard;
  readonly streams: StreamService;
  readonly gate: Gate;
  readonly transport: MeshTransport;
  readonly manager: PeerManager;
  readonly membership: MembershipService;
  readonly joinDesk: JoinDesk;
  readonly joiner: Joiner;
  readonly neighbourhood: Neighbourhood;
  readonly pendingListeners = new Set<(pending: readonly PendingJoin[]) => void>();
  readonly clock;
  readonly #options: MeshOptions;
  readonly #settings;
  readonly #logger;
  readonly #random: () => number;
  readonly #instance = new Uint8Array(randomBytes(INSTANCE_BYTES));

  /** Throws for options that can't be. */
  constructor(options: MeshOptions) {
    const { state, clock = systemClock, logger = silentLogger } = options;
    this.#options = options;
    this.#settings = meshSettings.parse(options.settings ?? {});
    this.clock = clock;
    this.#logger = logger;
    this.#random = options.random ?? Math.random;
    this.self = state.identity.peer;
    for (const address of options.peers ?? []) checkAddress(address);
    this.addresses = new OwnAddresses(options, () => this.transport.listening);
    this.table = new PeerTable(logger);
    this.ownCard = new OwnCard(options.card, {
      identity: state.identity,
      clock,
      protocolVersion: PROTOCOL_VERSION,
      delayMs: this.#settings.cardMs,
      addresses: () => this.addresses.dialable,
      publish: (change) => this.manager.publish(change),
    });
    this.streams = new StreamService({
      self: this.self,
      logger,
      clock,
      nameOf: (peer) => this.table.find(peer)?.name ?? peer,
      linksOf: (peer) => this.manager.linksOf(peer),
      connect: async (peer, signal) => this.manager.keeper.connect(peer, signal),
      isAdmitted: async (connection) => this.gate.isAdmitted(connection),
    });
    this.membership = new MembershipService({
      state,
      open: options.open ?? false,
      clock,
      logger,
      table: this.table,
      broadcast: (message, except) => this.manager.broadcast(message, except),
      drop: (peer) => {
        this.manager.drop(peer);
        this.gate.cut(peer);
      },
      onChanged: () => this.#membershipChanged(),
    });
    this.manager = this.#createManager();
    this.joinDesk = new JoinDesk({
      self: this.self,
      clock,
      settings: this.#settings,
      membership: () => this.membership.current,
      onChanged: () => {
        for (const listener of this.pendingListeners) listener(this.joinDesk.pending);
      },
    });
    this.gate = this.#createGate();
    this.transport = this.#createTransport();
    this.neighbourhood = new Neighbourhood({
      self: this.self,
      instance: Buffer.from(this.#instance).toString('hex'),
      clock,
      settings: this.#settings,
      options,
      addresses: this.addresses,
      report: (...problem) => this.#report(...problem),
      membership: () => this.membership.current,
      dialer: () => this.transport.dialer,
      onAddressesChanged: () => {
        this.ownCard.touch();
        this.manager.keeper.localAddressesChanged();
      },
    });
    this.joiner = new Joiner({
      self: this.self,
      settings: this.#settings,
      membership: this.membership,
      gate: this.gate,
      libp2p: () => this.transport.libp2p,
      name: () => this.ownCard.card.name,
      candidates: () => this.neighbourhood.candidates,
    });
    this.streams.handle(PROBE_PROTOCOL, answerProbe);
  }

  #createManager(): PeerManager {
    return new PeerManager({
      self: this.self,
      instance: this.#instance,
      clock: this.clock,
      logger: this.#logger,
      settings: this.#settings,
      table: this.table,
      ownCard: this.ownCard,
      streams: this.streams,
      classify: this.#options.classifyInterface ?? (() => 'unknown'),
      dialer: () => this.transport.dialer,
      locals: () => this.addresses.usable,
      random: this.#random,
      isRemoved: (peer) => this.membership.current?.removed.includes(peer) ?? false,
      hasAddress: (address) => this.addresses.all.some((local) => local.address === address),
      onRekey: (message, from) => void this.membership.heed(message, from, this.self),
      onLink: (link) => this.membership.greet(link, this.gate.keyOf(link.connection)),
      onCard: (record) => this.membership.remember(record.id, record.known?.addresses ?? [], record.card?.name ?? ''),
      onDuplicate: (peer) => this.#report(peer, 'duplicate_identity', `Two nodes use the identity ${peer}.`, DUPLICATE_HINT),
    });
  }

  #createGate(): Gate {
    return new Gate({
      self: this.self,
      clock: this.clock,
      logger: this.#logger,
      settings: this.#settings,
      membership: () => this.membership.current,
      onAdmitted: (admitted) => void this.manager.admitted(admitted),
      onRefused: (peer, error) => {
        this.manager.unreachable(peer);
        if (REPORTED_REFUSALS.has(error.code))
          this.#report(peer, error.code, this.membership.withNames(error.message), error.hint ?? '');
      },
      onJoin: async (dialogue, peer, opening) => this.joinDesk.serve(dialogue, peer, opening),
    });
  }

  #createTransport(): MeshTransport {
    return new MeshTransport({
      self: this.self,
      clock: this.clock,
      logger: this.#logger,
      settings: this.#settings,
      options: this.#options,
      random: this.#random,
      toListenOn: (port) => this.addresses.toListenOn(port),
      report: (...problem) => this.#report(...problem),
      isConnected: (peer) => this.manager.isConnected(peer),
      wants: (peer) => this.manager.shape.wants(peer),
      onFailed: (peer) => this.manager.unreachable(peer),
      onSelf: (address) => this.#metSelf(address),
      onConnection: (connection) => this.gate.opened(connection),
      answerAdmission: async (stream, connection) => this.gate.answer(stream, connection),
      acceptStream: async (stream, connection) => this.streams.accept(stream, connection),
    });
  }

  #membershipChanged(): void {
    if (!this.transport.isStarted) return;
    if (this.membership.current === undefined) {
      this.transport.dialer.clear();
      this.gate.cut();
    } else this.neighbourhood.goAmongMembers();
  }

  #metSelf(address: string): void {
    if (this.addresses.dialable.includes(address)) return;
    this.#report(
      address,
      'duplicate_identity',
      `The node at ${address} has this node's own identity ${this.self}.`,
      DUPLICATE_HINT,
    );
  }

  #report(about: string, code: string, message: string, hint: string): void {
    const isNew = this.problems.add(about, { code, message, hint, sinceMs: this.clock.wallMs() });
    if (isNew) this.#logger.warn({ code, about, hint }, message);
  }
}
