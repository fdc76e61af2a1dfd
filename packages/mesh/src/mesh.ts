import { isIP } from 'node:net';
import { randomBytes } from 'node:crypto';
import { multiaddr } from '@multiformats/multiaddr';
import {
  silentLogger,
  StoppedError,
  systemClock,
  type FrameStream,
  type Mesh,
  type NodeCard,
  type OpenStreamOptions,
  type Peer,
  type PeerId,
  type RequestOptions,
  type Startable,
} from '@pippa/core';
import { ADMISSION_PROTOCOL, INSTANCE_BYTES, PROTOCOL_VERSION, STREAM_PROTOCOL } from '@pippa/protocol';
import type { Libp2p } from 'libp2p';
import { Gate } from './admission/gate.ts';
import { OwnCard, type CardUpdate } from './cards/own-card.ts';
import type { MeshOptions } from './mesh-options.ts';
import { Dialer } from './peers/dialer.ts';
import { PeerManager } from './peers/peer-manager.ts';
import { PeerTable } from './peers/peer-table.ts';
import { Problems, type MeshProblem } from './problems.ts';
import { meshSettings } from './settings.ts';
import { StreamService } from './streams/stream-service.ts';
import { createTransport } from './transport/create-libp2p.ts';

const MAX_INBOUND_STREAMS = 512;

/** A node of a mesh. */
export interface MeshNode extends Mesh, Startable {
  /** Multiaddrs under which others reach this node, with its id; empty before `start`. */
  readonly addresses: readonly string[];
  readonly problems: readonly MeshProblem[];
}

/** Makes a node; nothing happens before `start`. */
export function createMesh(options: MeshOptions): MeshNode {
  return new LibP2pMesh(options);
}

class LibP2pMesh implements MeshNode {
  readonly self: PeerId;
  readonly #options: MeshOptions;
  readonly #settings;
  readonly #clock;
  readonly #logger;
  readonly #table: PeerTable;
  readonly #problems = new Problems();
  readonly #ownCard: OwnCard;
  readonly #streams: StreamService;
  readonly #gate: Gate;
  readonly #manager: PeerManager;
  #libp2p: Libp2p | undefined;
  #dialer: Dialer | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: MeshOptions) {
    const { state, clock = systemClock, logger = silentLogger } = options;
    this.#options = options;
    this.#settings = meshSettings.parse(options.settings ?? {});
    this.#clock = clock;
    this.#logger = logger;
    this.self = state.identity.peer;
    this.#table = new PeerTable(logger);
    this.#ownCard = new OwnCard(options.card, {
      identity: state.identity,
      clock,
      protocolVersion: PROTOCOL_VERSION,
      delayMs: this.#settings.cardMs,
      addresses: () => this.#plainAddresses(),
      publish: (change) => this.#manager.publish(change),
    });
    this.#streams = new StreamService({
      self: this.self,
      logger,
      linksOf: (peer) => this.#manager.linksOf(peer),
      isAdmitted: async (connection) => this.#gate.isAdmitted(connection),
    });
    this.#manager = new PeerManager({
      self: this.self,
      instance: new Uint8Array(randomBytes(INSTANCE_BYTES)),
      clock,
      logger,
      settings: this.#settings,
      table: this.#table,
      ownCard: this.#ownCard,
      streams: this.#streams,
      classify: options.classifyInterface ?? (() => 'unknown'),
      dialer: () => this.#requireDialer(),
      onRekey: () => {},
      onOutdated: () => {},
      onDuplicate: (peer) => this.#report(peer, 'duplicate_identity', `Two nodes use the identity ${peer}.`, DUPLICATE_HINT),
    });
    this.#gate = new Gate({
      self: this.self,
      clock,
      logger,
      settings: this.#settings,
      membership: () => state.membership,
      onAdmitted: (admitted) => void this.#manager.admitted(admitted),
      onRefused: (peer, error) => {
        if (error.code !== 'failed') this.#report(peer, error.code, error.message, error.hint ?? '');
      },
      onJoin: async () => {},
    });
  }

  get card(): NodeCard {
    return this.#ownCard.card;
  }

  get addresses(): readonly string[] {
    return this.#plainAddresses().map((address) => `${address}/p2p/${this.self}`);
  }

  get problems(): readonly MeshProblem[] {
    return this.#problems.list;
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
    const libp2p = await create({ privateKey: this.#options.state.identity.privateKey, listen: this.#listenAddresses() });
    this.#libp2p = libp2p;
    this.#dialer = new Dialer({
      self: this.self,
      libp2p,
      clock: this.#clock,
      logger: this.#logger,
      settings: this.#settings,
      random: this.#options.random ?? Math.random,
      isConnected: (peer) => this.#manager.isConnected(peer),
      onFailed: (peer) => this.#manager.unreachable(peer),
      onSelf: (address) => this.#metSelf(address),
    });
    libp2p.addEventListener('connection:open', ({ detail }) => this.#gate.opened(detail));
    await libp2p.handle(ADMISSION_PROTOCOL, (stream, connection) => void this.#gate.answer(stream, connection), {
      maxInboundStreams: 1,
    });
    await libp2p.handle(STREAM_PROTOCOL, async (stream, connection) => this.#streams.accept(stream, connection), {
      maxInboundStreams: MAX_INBOUND_STREAMS,
      maxOutboundStreams: MAX_INBOUND_STREAMS,
    });
    await libp2p.start();
    await this.#ownCard.signed();
    this.#manager.start();
    for (const address of this.#options.peers ?? []) this.#dialer.add(address);
  }

  async #stop(): Promise<void> {
    if (this.#starting === undefined) return;
    await this.#starting.catch(() => {});
    this.#dialer?.stop();
    this.#ownCard.stop();
    await this.#manager.stop('stopped');
    await this.#libp2p?.stop();
  }

  #requireDialer(): Dialer {
    if (this.#dialer === undefined) throw new StoppedError('The mesh node has not been started.');
    return this.#dialer;
  }

  #listenAddresses(): readonly string[] {
    const { hosts = ['0.0.0.0', '::'], port = 0 } = this.#options.listen ?? {};
    return hosts.map((host) => `/${isIP(host) === 6 ? 'ip6' : 'ip4'}/${host}/tcp/${port}`);
  }

  #plainAddresses(): readonly string[] {
    return (this.#libp2p?.getMultiaddrs() ?? []).map((address) =>
      multiaddr(address.toString().replace(/\/p2p\/.*$/, '')).toString(),
    );
  }

  #metSelf(address: string): void {
    if (this.#plainAddresses().includes(address)) return;
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

const DUPLICATE_HINT = 'The state folder was copied: delete identity.key in the copy and start that node again.';
