import type { Clock, PeerId } from '@pippa/core';
import { controlMessage, parseMessage, ping, pong, type ControlMessage } from '@pippa/protocol';
import type { CardExchange } from '../cards/card-exchange.ts';
import { applyChange, type OwnCard } from '../cards/own-card.ts';
import type { Liveness } from '../liveness/liveness.ts';
import type { Dialer } from './dialer.ts';
import type { Link } from './link.ts';
import type { LinkKeeper } from './link-keeper.ts';
import type { PeerRecord } from './peer-record.ts';
import type { PeerStates } from './peer-states.ts';
import type { PeerTable } from './peer-table.ts';

export interface ControlListenerParts {
  readonly clock: Clock;
  readonly table: PeerTable;
  readonly ownCard: OwnCard;
  readonly cards: CardExchange;
  readonly states: PeerStates;
  readonly keeper: LinkKeeper;
  readonly liveness: Liveness;
  dialer(): Dialer;
  /** A new key arrived from a member. */
  onRekey(message: Extract<ControlMessage, { kind: 'rekey' }>, from: PeerId): void;
  onDuplicate(peer: PeerId): void;
}

/** What peers say on their control streams, and what comes of it. */
export class ControlListener {
  readonly #parts: ControlListenerParts;

  constructor(parts: ControlListenerParts) {
    this.#parts = parts;
  }

  /** Throws `BadMessageError`, which ends the stream and with it the link. */
  hear(record: PeerRecord, link: Link, header: unknown): void {
    link.heard();
    if (record.state === 'suspect') this.#parts.states.setAlive(record);
    if (Array.isArray(header)) this.#beat(record, link, header);
    else this.#take(record, link, parseMessage(controlMessage, header, 'the control stream'));
  }

  #beat(record: PeerRecord, link: Link, header: readonly unknown[]): void {
    const isFirst = link.roundTrips.count === 0;
    if (header.length > 1) link.hearPing(parseMessage(ping, header, 'a question'));
    else {
      const askedMs = link.hearPong(parseMessage(pong, header, 'an answer to one'));
      // A restarted process answers nothing over its old links; two processes of one identity do.
      const isOther = link.instance !== undefined && link.instance !== record.instance;
      if (isOther && askedMs !== undefined && askedMs >= record.instanceSinceMs) this.#parts.onDuplicate(record.id);
    }
    if (isFirst && link.roundTrips.count > 0) this.#parts.table.changed(record);
  }

  #take(record: PeerRecord, link: Link, message: ControlMessage): void {
    const { table, cards, states, ownCard, keeper } = this.#parts;
    switch (message.kind) {
      case 'hello':
        this.#meetInstance(record, link, Buffer.from(message.instance).toString('hex'));
        cards.take(record, link, () => message.card);
        return;
      case 'card':
        cards.take(record, link, () => message.card);
        return;
      case 'card-change':
        cards.take(record, link, () => {
          const known = record.known?.signed;
          return known === undefined || known.card['version'] !== message.change.base
            ? undefined
            : applyChange(known, message.change);
        });
        return;
      case 'card-request':
        void ownCard.signed().then((card) => link.say({ kind: 'card', card }));
        return;
      case 'cards-request':
        if (message.once !== true) record.wantsCards = true;
        cards.answer(link, new Map(message.have));
        return;
      case 'cards':
        for (const card of message.cards) cards.takeRelayed(link, card);
        return;
      case 'silent':
        this.#lookAfter(message.peer);
        return;
      case 'gone':
        this.#checkGone(message.peer, message.version);
        return;
      case 'leaving':
        this.#parts.dialer().forget(record.id);
        states.setDead(record);
        if (message.reason === 'left') table.forget(record.id);
        return;
      case 'rekey':
        this.#parts.onRekey(message, record.id);
        return;
      case 'address-gone':
        keeper.remoteAddressGone(record, link, message.address);
        return;
      case 'retire':
        // The answer to one's own says that nothing more comes over the link.
        if (link.retiring) link.released = true;
        link.retiring = true;
    }
  }

  #lookAfter(id: PeerId): void {
    const record = this.#parts.table.find(id);
    if (record !== undefined && record.state !== 'dead') this.#parts.liveness.ask(record);
  }

  /** Others lost a peer: one that this node has no link to either is looked for. */
  #checkGone(id: PeerId, version: number): void {
    const record = this.#parts.table.find(id);
    if (record === undefined || record.state !== 'alive' || (record.card?.version ?? 0) > version) return;
    if (record.links.size > 0) this.#parts.liveness.ask(record);
    else this.#parts.states.loseTouch(record);
  }

  #meetInstance(record: PeerRecord, link: Link, instance: string): void {
    link.instance = instance;
    if (record.instance === instance) return;
    record.instance = instance;
    record.instanceSinceMs = this.#parts.clock.nowMs();
    // Those of another process should be dead.
    for (const other of record.links) if (other !== link && other.toldMs !== undefined) other.ask(other.toldMs);
  }
}
