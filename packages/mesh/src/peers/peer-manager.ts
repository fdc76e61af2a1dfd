import type { Connection } from '@libp2p/interface';
import { errorMessage, StreamLostError, type Clock, type Logger, type PeerId } from '@pippa/core';
import { CONTROL_FRAME_LIMITS, CONTROL_PROTOCOL, type CardChange, type ControlMessage } from '@pippa/protocol';
import type { Admitted } from '../admission/gate.ts';
import { CardExchange } from '../cards/card-exchange.ts';
import type { OwnCard } from '../cards/own-card.ts';
import type { LocalAddress } from '../discovery/interfaces.ts';
import { Liveness } from '../liveness/liveness.ts';
import type { MeshSettings } from '../settings.ts';
import type { PeerStream } from '../streams/peer-stream.ts';
import type { StreamService } from '../streams/stream-service.ts';
import { closeBehind } from '../transport/close-behind.ts';
import { socketAddresses } from '../transport/corked-tcp.ts';
import { interfaceOf, type ClassifyInterface } from './classify.ts';
import { ControlListener } from './control-listener.ts';
import type { Dialer } from './dialer.ts';
import { Link } from './link.ts';
import { LinkKeeper } from './link-keeper.ts';
import { MeshShape } from './mesh-shape.ts';
import type { PeerRecord } from './peer-record.ts';
import { PeerStates } from './peer-states.ts';
import type { PeerTable } from './peer-table.ts';

/** Links over which this node hears of others; more would tell the same. */
const CARD_SOURCES = 2;

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

/** Members as they come and go, and the links to them. */
export class PeerManager {
  readonly shape: MeshShape;
  readonly keeper: LinkKeeper;
  readonly #parts: PeerManagerParts;
  readonly #cards: CardExchange;
  readonly #states: PeerStates;
  readonly #liveness: Liveness;
  readonly #listener: ControlListener;
  #stopped = false;

  constructor(parts: PeerManagerParts) {
    this.#parts = parts;
    const shape = new MeshShape(parts);
    const cards = new CardExchange({ ...parts, isLarge: () => shape.isLarge });
    const states = new PeerStates({ ...parts, shape, cards });
    const keeper = new LinkKeeper({ ...parts, shape });
    const liveness = new Liveness({
      ...parts,
      shape,
      states,
      tellOthers: (silent) => this.broadcast({ kind: 'silent', peer: silent }, silent),
      onLook: (now) => {
        keeper.look(now);
        cards.sync(now);
      },
    });
    this.shape = shape;
    this.keeper = keeper;
    this.#cards = cards;
    this.#states = states;
    this.#liveness = liveness;
    this.#listener = new ControlListener({ ...parts, cards, states, keeper, liveness });
    parts.streams.handle(
      CONTROL_PROTOCOL,
      (stream, connection) => {
        if (connection !== undefined) this.#addLink(connection, stream as PeerStream);
      },
      CONTROL_FRAME_LIMITS,
    );
  }

  start(): void {
    this.#liveness.start();
  }

  /** Says goodbye to all; their connections end with the transport. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cards.stop();
    this.#liveness.stop();
    await this.#farewell('stopped');
  }

  /** Says goodbye to all, but not for good. */
  async farewell(): Promise<void> {
    await this.#farewell('stopped');
  }

  /** This machine slept: nobody is at the other ends any more. */
  forsakeLinks(): void {
    for (const record of this.#parts.table.records)
      for (const link of record.links) link.connection.abort(new StreamLostError('This machine slept.'));
  }

  linksOf(peer: PeerId): readonly Link[] {
    return this.#parts.table.find(peer)?.usableLinks ?? [];
  }

  isConnected(peer: PeerId): boolean {
    return (this.#parts.table.find(peer)?.links.size ?? 0) > 0;
  }

  publish(change: CardChange): void {
    this.broadcast({ kind: 'card-change', change });
  }

  /** Tells every member, over one link each. */
  broadcast(message: ControlMessage, except?: PeerId): void {
    for (const record of this.#parts.table.records) if (record.id !== except) record.usableLinks[0]?.say(message);
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

  /** A dial failed. */
  unreachable(peer: PeerId): void {
    this.#states.unreachable(peer);
  }

  /** Ends all that there is with a peer, without a word. */
  drop(peer: PeerId): void {
    this.#parts.dialer().forget(peer);
    const record = this.#parts.table.find(peer);
    if (record === undefined) return;
    this.#states.setDead(record);
    this.#parts.table.forget(peer);
  }

  /** Says that this node leaves the mesh for good, and forgets everybody. */
  async leaveAll(): Promise<void> {
    // Links that end now are not to be made again.
    for (const record of this.#parts.table.records) this.#parts.dialer().forget(record.id);
    await this.#farewell('left');
    for (const record of this.#parts.table.records) this.drop(record.id);
  }

  async #farewell(reason: 'stopped' | 'left'): Promise<void> {
    const links = [...this.#parts.table.records].flatMap((record) => [...record.links]);
    await Promise.allSettled(
      links.map(async (link) => {
        link.leaving = true;
        try {
          await link.control.send({ kind: 'leaving', reason } satisfies ControlMessage);
          await link.control.close();
        } finally {
          await closeBehind(link.connection, new StreamLostError('The goodbye did not get through.'));
        }
      }),
    );
  }

  #addLink(connection: Connection, control: PeerStream): void {
    const { clock, table, classify, ownCard, instance, settings, streams } = this.#parts;
    if (this.#stopped || connection.status !== 'open') return;
    const record = table.ensure(control.peer);
    const interfaceType = interfaceOf(socketAddresses(connection), classify);
    const streamsInUse = (): number => streams.inUse(connection);
    const link = new Link({ peer: control.peer, connection, control, interfaceType, clock, streamsInUse });
    const isFirst = record.links.size === 0;
    record.links.add(link);
    record.hadLink = true;
    record.failedDials = 0;
    control.onFrame(({ header }) => this.#listener.hear(record, link, header));
    void control.closed.then(() => this.#removeLink(record, link));
    connection.addEventListener('close', () => this.#removeLink(record, link));
    void ownCard.signed().then((card) => link.say({ kind: 'hello', instance, card }));
    this.keeper.tellGone(record, link);
    link.ask(settings.heartbeatMs);
    if (isFirst) {
      this.#states.setAlive(record);
      if (this.shape.linked <= CARD_SOURCES) this.#cards.ask(link);
    } else {
      this.keeper.thin(record);
      table.changed(record);
    }
    this.#parts.onLink(link);
  }

  #removeLink(record: PeerRecord, link: Link): void {
    if (!record.links.delete(link)) return;
    if (link.connection.status === 'open' && !link.leaving) link.connection.abort(new StreamLostError('The control stream ended.'));
    if (this.#stopped) return;
    if (record.links.size === 0) {
      record.wantsCards = false;
      this.#states.loseTouch(record);
    } else {
      record.improvedMs = Number.NEGATIVE_INFINITY;
      // One that was to be closed is the only one now, and takes streams again.
      if (record.links.size === 1) for (const left of record.links) left.released = false;
      this.#parts.table.changed(record);
    }
  }
}
