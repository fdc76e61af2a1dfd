import type { Connection } from '@libp2p/interface';
import { errorMessage, StreamLostError, type Clock, type Logger, type PeerId } from '@pippa/core';
import {
  CONTROL_FRAME_LIMITS,
  CONTROL_PROTOCOL,
  controlMessage,
  heartbeat,
  parseMessage,
  type CardChange,
  type ControlMessage,
} from '@pippa/protocol';
import type { Admitted } from '../admission/gate.ts';
import { applyChange, type OwnCard } from '../cards/own-card.ts';
import { CardExchange } from '../cards/card-exchange.ts';
import { ownStall, stateAfter } from '../liveness/silence.ts';
import type { MeshSettings } from '../settings.ts';
import type { PeerStream } from '../streams/peer-stream.ts';
import type { StreamService } from '../streams/stream-service.ts';
import { socketAddresses } from '../transport/corked-tcp.ts';
import type { LocalAddress } from '../discovery/interfaces.ts';
import { betterAddresses } from './better-address.ts';
import { interfaceOf, type ClassifyInterface } from './classify.ts';
import type { Dialer } from './dialer.ts';
import { Link } from './link.ts';
import type { PeerRecord } from './peer-record.ts';
import type { PeerTable } from './peer-table.ts';

/** Wait between two looks for a better way to a peer. */
const IMPROVE_MS = 5_000;
/** Links over which this node hears of others; more would tell the same. */
const CARD_SOURCES = 2;
const CONNECT_TIMEOUT_MS = 5_000;
/** A node that others vouch for is believed in until so many dials of it failed. */
const MAX_FAILED_DIALS = 3;

export interface PeerManagerParts {
  readonly self: PeerId;
  readonly instance: Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: MeshSettings;
  readonly table: PeerTable;
  readonly ownCard: OwnCard;
  readonly streams: StreamService;
  readonly classify: ClassifyInterface;
  dialer(): Dialer;
  /** The addresses of this machine that are in use. */
  locals(): readonly LocalAddress[];
  /** `0 <= n < 1` */
  readonly random: () => number;
  isRemoved(peer: PeerId): boolean;
  /** Whether this machine still has the address, in use or not. */
  hasAddress(address: string): boolean;
  /** A new key arrived from a member. */
  onRekey(message: Extract<ControlMessage, { kind: 'rekey' }>, from: PeerId): void;
  /** A link to a member is up, whatever it was admitted by. */
  onLink(link: Link): void;
  onCard(record: PeerRecord): void;
  onDuplicate(peer: PeerId): void;
}

/** Members as they come, speak, fall silent and go. */
export class PeerManager {
  readonly #parts: PeerManagerParts;
  #cancelTick: (() => void) | undefined;
  #lastTickMs = 0;
  #stopped = false;
  readonly #cards: CardExchange;

  constructor(parts: PeerManagerParts) {
    this.#parts = parts;
    this.#cards = new CardExchange({ ...parts, isLarge: () => this.#isLarge });
    parts.streams.handle(
      CONTROL_PROTOCOL,
      (stream, connection) => {
        if (connection !== undefined) this.#addLink(connection, stream as PeerStream);
      },
      CONTROL_FRAME_LIMITS,
    );
  }

  start(): void {
    this.#lastTickMs = this.#parts.clock.nowMs();
    this.#scheduleTick();
  }

  /** Says goodbye to all; their connections end with the transport. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cards.stop();
    this.#cancelTick?.();
    await this.#farewell('stopped');
  }

  async #farewell(reason: 'stopped' | 'left'): Promise<void> {
    const links = [...this.#parts.table.records].flatMap((record) => [...record.links]);
    await Promise.allSettled(
      links.map(async (link) => {
        await link.control.send({ kind: 'leaving', reason } satisfies ControlMessage);
        await link.control.close();
        await link.connection.close();
      }),
    );
  }

  linksOf(peer: PeerId): readonly Link[] {
    return this.#parts.table.find(peer)?.usableLinks ?? [];
  }

  isConnected(peer: PeerId): boolean {
    return (this.#parts.table.find(peer)?.links.size ?? 0) > 0;
  }

  publish(change: CardChange): void {
    for (const record of this.#parts.table.records) record.usableLinks[0]?.say({ kind: 'card-change', change });
  }

  /** Both sides proved the key: the one that dialled opens the control stream. */
  async admitted({ connection, initiator }: Admitted): Promise<void> {
    if (!initiator) return;
    try {
      const { stream } = await this.#parts.streams.openOn(connection, CONTROL_PROTOCOL, CONTROL_FRAME_LIMITS);
      this.#addLink(connection, stream);
    } catch (error) {
      this.#parts.logger.debug({ error: errorMessage(error) }, 'a control stream could not be opened');
      connection.abort(new StreamLostError('The control stream could not be opened.', { cause: error }));
    }
  }

  /** A dial failed: a peer whose links broke and who doesn't answer is dead. */
  unreachable(peer: PeerId): void {
    const record = this.#parts.table.find(peer);
    // One that others vouch for may be out of this node's reach alone, or just busy.
    if (record === undefined || record.links.size > 0) return;
    if (record.state === 'alive' && ++record.failedDials < MAX_FAILED_DIALS) return;
    this.#setDead(record);
  }

  /** Tells every member, over one link each. */
  broadcast(message: ControlMessage, except?: PeerId): void {
    for (const record of this.#parts.table.records) if (record.id !== except) record.usableLinks[0]?.say(message);
  }

  /** Ends all that there is with a peer, without a word. */
  drop(peer: PeerId): void {
    this.#parts.dialer().forget(peer);
    const record = this.#parts.table.find(peer);
    if (record === undefined) return;
    this.#setDead(record);
    this.#parts.table.forget(peer);
  }

  /** Says that this node leaves the mesh for good, and forgets everybody. */
  async leaveAll(): Promise<void> {
    await this.#farewell('left');
    for (const record of this.#parts.table.records) this.drop(record.id);
  }

  /** A cable was plugged or pulled: links over addresses that are gone hang, and better ones may have come. */
  localAddressesChanged(): void {
    for (const record of this.#parts.table.records) {
      record.improvedMs = Number.NEGATIVE_INFINITY;
      for (const link of record.links) {
        const local = socketAddresses(link.connection)?.local;
        if (local === undefined || this.#parts.hasAddress(local)) continue;
        link.connection.abort(new StreamLostError(`The interface with ${local} is gone.`));
        record.goneAddresses.add(local);
      }
      const [other] = record.usableLinks;
      if (other !== undefined) this.#tellGone(record, other);
    }
  }

  /** The other end of a link over an address that is gone would notice nothing for a while: another link tells it. */
  #tellGone(record: PeerRecord, link: Link): void {
    for (const address of record.goneAddresses) link.say({ kind: 'address-gone', address });
    record.goneAddresses.clear();
  }

  #addLink(connection: Connection, control: PeerStream): void {
    const { clock, table, classify, ownCard, instance } = this.#parts;
    if (this.#stopped || connection.status !== 'open') return;
    const record = table.ensure(control.peer);
    const interfaceType = interfaceOf(socketAddresses(connection), classify);
    const link = new Link({ peer: control.peer, connection, control, interfaceType, clock });
    const isFirst = record.links.size === 0;
    record.links.add(link);
    record.hadLink = true;
    record.failedDials = 0;
    control.onFrame(({ header }) => this.#hear(record, link, header));
    void control.closed.then(() => this.#removeLink(record, link));
    connection.addEventListener('close', () => this.#removeLink(record, link));
    void ownCard.signed().then((card) => link.say({ kind: 'hello', instance, card }));
    this.#tellGone(record, link);
    link.beat();
    if (isFirst) {
      this.#setAlive(record);
      if (this.#linked() <= CARD_SOURCES) this.#cards.ask(link);
    } else {
      this.#thin(record);
      this.#parts.table.changed(record);
    }
    this.#parts.onLink(link);
  }

  #removeLink(record: PeerRecord, link: Link): void {
    if (!record.links.delete(link)) return;
    if (link.connection.status === 'open') link.connection.abort(new StreamLostError('The control stream ended.'));
    if (this.#stopped) return;
    if (record.links.size === 0) record.wantsCards = false;
    else {
      record.improvedMs = Number.NEGATIVE_INFINITY;
      this.#parts.table.changed(record);
      return;
    }
    this.#loseTouch(record);
  }

  /** A broken connection may be no more than a changed address: one quick dial decides. */
  #loseTouch(record: PeerRecord): void {
    record.linkLostMs = this.#parts.clock.nowMs();
    const wasDead = record.state === 'dead';
    if (!wasDead) record.state = 'suspect';
    const dialled = this.#parts.dialer().lost(record.id);
    if (wasDead) return;
    if (dialled) this.#parts.table.changed(record);
    else this.#setDead(record);
  }

  #hear(record: PeerRecord, link: Link, header: unknown): void {
    link.lastHeardMs = this.#parts.clock.nowMs();
    if (record.state === 'suspect') this.#setAlive(record);
    if (Array.isArray(header)) {
      const first = link.roundTrips.count === 0;
      const measured = link.hearBeat(parseMessage(heartbeat, header, 'a heartbeat'));
      if (first && measured) this.#parts.table.changed(record);
      return;
    }
    this.#take(record, link, parseMessage(controlMessage, header, 'the control stream'));
  }

  #take(record: PeerRecord, link: Link, message: ControlMessage): void {
    switch (message.kind) {
      case 'hello':
        this.#meetInstance(record, Buffer.from(message.instance).toString('hex'));
        this.#cards.take(record, link, () => message.card);
        return;
      case 'card':
        this.#cards.take(record, link, () => message.card);
        return;
      case 'card-change':
        this.#cards.take(record, link, () => {
          const known = record.known?.signed;
          return known === undefined || known.card['version'] !== message.change.base
            ? undefined
            : applyChange(known, message.change);
        });
        return;
      case 'card-request':
        void this.#parts.ownCard.signed().then((card) => link.say({ kind: 'card', card }));
        return;
      case 'cards-request':
        if (message.once !== true) record.wantsCards = true;
        this.#cards.answer(link, new Map(message.have));
        return;
      case 'cards':
        for (const card of message.cards) this.#cards.takeRelayed(link, card);
        return;
      case 'gone':
        this.#checkGone(message.peer, message.version);
        return;
      case 'leaving':
        this.#parts.dialer().forget(record.id);
        this.#setDead(record);
        if (message.reason === 'left') this.#parts.table.forget(record.id);
        return;
      case 'rekey':
        this.#parts.onRekey(message, record.id);
        return;
      case 'address-gone':
        for (const other of record.links)
          if (other !== link && socketAddresses(other.connection)?.remote === message.address)
            other.connection.abort(new StreamLostError(`${record.id} lost its interface with ${message.address}.`));
        return;
      case 'retire':
        link.retiring = true;
    }
  }

  /** Others lost a peer: one that this node has no link to either is looked for. */
  #checkGone(id: PeerId, version: number): void {
    const record = this.#parts.table.find(id);
    if (record === undefined || record.links.size > 0 || record.state !== 'alive' || (record.card?.version ?? 0) > version) return;
    this.#loseTouch(record);
  }

  #meetInstance(record: PeerRecord, instance: string): void {
    const before = record.instance;
    record.instance = instance;
    if (before === undefined || before === instance) return;
    // A restarted process has no old links that still speak; two processes of one identity have.
    const now = this.#parts.clock.nowMs();
    const speaking = [...record.links].filter((link) => now - link.lastHeardMs < this.#parts.settings.suspectMs);
    if (speaking.length > 1) this.#parts.onDuplicate(record.id);
  }

  /** Nodes with which there is a link. */
  #linked(): number {
    let count = 0;
    for (const record of this.#parts.table.records) if (record.links.size > 0) count++;
    return count;
  }

  /** Not every node has a link to every other. */
  get #isLarge(): boolean {
    return Math.max(this.#parts.table.size, this.#parts.dialer().size) > this.#parts.settings.fullMeshMembers;
  }

  /** Whether a link to the peer is worth a dial. */
  wants(peer: PeerId): boolean {
    if (!this.#isLarge || this.#linked() + this.#parts.dialer().active < this.#parts.settings.enoughLinks) return true;
    return (this.#parts.table.find(peer)?.state ?? 'alive') !== 'alive';
  }

  /** Links to members that there is none to, made now because somebody wants to talk to them. */
  async connect(peer: PeerId, signal: AbortSignal | undefined): Promise<readonly Link[]> {
    const record = this.#parts.table.find(peer);
    if (record === undefined || record.state === 'dead' || record.links.size > 0) return record?.usableLinks ?? [];
    const linked = Promise.withResolvers<void>();
    const stop = this.#parts.table.listen(({ id }) => {
      if (id === peer && (record.links.size > 0 || record.state === 'dead')) linked.resolve();
    });
    const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const giveUp = (): void => linked.resolve();
    const until = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    until.addEventListener('abort', giveUp, { once: true });
    try {
      this.#parts.dialer().dialNow(peer);
      await linked.promise;
      return record.usableLinks;
    } finally {
      stop();
      until.removeEventListener('abort', giveUp);
    }
  }

  /** Two connections that are as good: the node with the smaller id retires the one it did not dial, so that both don't drop one each. */
  #thin(record: PeerRecord): void {
    if (this.#parts.self > record.id) return;
    const lasting = [...record.links].filter((link) => !link.retiring);
    for (const link of lasting) {
      const better = lasting.find(
        (other) =>
          other !== link &&
          !other.retiring &&
          other.interfaceType === link.interfaceType &&
          (other.connection.direction === 'outbound' || link.connection.direction === 'inbound'),
      );
      if (better === undefined) continue;
      link.retiring = true;
      link.say({ kind: 'retire' });
      return;
    }
  }

  #scheduleTick(): void {
    if (this.#stopped) return;
    this.#cancelTick = this.#parts.clock.schedule(this.#parts.settings.heartbeatMs, () => {
      this.#tick();
      this.#scheduleTick();
    });
  }

  #tick(): void {
    const { clock, settings, table } = this.#parts;
    const now = clock.nowMs();
    const stalledMs = ownStall(now - this.#lastTickMs, settings.heartbeatMs);
    this.#lastTickMs = now;
    for (const record of table.records) {
      if (record.state === 'dead') {
        if (now - record.deadSinceMs > settings.forgetMs) {
          this.#parts.dialer().forget(record.id);
          table.forget(record.id);
        }
        continue;
      }
      for (const link of record.links) {
        link.lastHeardMs += stalledMs;
        link.beat();
        this.#closeRetired(record, link);
      }
      this.#judge(record, now);
      this.#improve(record, now);
    }
    this.#seekLinks();
    this.#cards.sync(now);
  }

  /** In a large mesh: makes up for links that were lost. */
  #seekLinks(): void {
    let missing = this.#isLarge ? this.#parts.settings.enoughLinks - this.#linked() : 0;
    for (const record of this.#parts.table.records) {
      if (missing <= 0) return;
      if (record.links.size > 0 || record.state !== 'alive') continue;
      this.#parts.dialer().know(record.id, record.known?.addresses ?? [], this.#parts.settings.dialPatienceMs);
      missing--;
    }
  }

  /** The node with the smaller id looks for a better way, so that not both dial. */
  #improve(record: PeerRecord, now: number): void {
    const best = record.usableLinks[0];
    if (best === undefined || this.#parts.self > record.id || now - record.improvedMs < IMPROVE_MS) return;
    record.improvedMs = now;
    const tier = record.link.tier;
    const [address] = betterAddresses(record.known?.addresses ?? [], {
      locals: this.#parts.locals(),
      classify: this.#parts.classify,
      tier,
    });
    if (address !== undefined) void this.#parts.dialer().alsoDial(record.id, address);
  }

  #judge(record: PeerRecord, now: number): void {
    if (record.links.size === 0) {
      if (record.state === 'suspect' && now - record.linkLostMs >= this.#parts.settings.deadMs) this.#setDead(record);
      return;
    }
    const silent = [...record.links].filter((link) => stateAfter(now - link.lastHeardMs, this.#parts.settings) === 'dead');
    const heardMs = Math.max(...[...record.links].map((link) => link.lastHeardMs));
    const state = stateAfter(now - heardMs, this.#parts.settings);
    if (state === 'dead') this.#setDead(record);
    else if (state !== record.state) {
      record.state = state;
      this.#parts.table.changed(record);
    }
    // One dead way among others that live is given up too: its streams would hang.
    for (const link of silent) link.connection.abort(new StreamLostError(`${record.id} is silent.`));
  }

  /** The side that retired a link closes it when nothing but the control stream is left on it. */
  #closeRetired(record: PeerRecord, link: Link): void {
    if (!link.retiring || this.#parts.self > record.id || record.links.size < 2) return;
    const open = link.connection.streams.filter((stream) => stream.status === 'open');
    if (open.length <= 1) link.connection.abort(new StreamLostError('Another connection took over.'));
  }

  #setAlive(record: PeerRecord): void {
    record.state = 'alive';
    record.deadSinceMs = 0;
    this.#parts.table.changed(record);
  }

  #setDead(record: PeerRecord): void {
    if (record.state === 'dead') return;
    record.state = 'dead';
    record.deadSinceMs = this.#parts.clock.nowMs();
    record.instance = undefined;
    if (this.#isLarge && record.hadLink) {
      record.hadLink = false;
      const version = record.card?.version ?? 0;
      this.#cards.toAskers((link) => link.say({ kind: 'gone', peer: record.id, version }));
    }
    for (const link of record.links) link.connection.abort(new StreamLostError(`${record.id} is dead.`));
    this.#parts.table.changed(record);
  }
}
