import { errorMessage, type Clock, type PeerId } from '@pippa/core';
import { BadMessageError, MAX_CARDS_A_MESSAGE, MAX_MEMBERS, peerIdText, type SignedCard } from '@pippa/protocol';
import type { Dialer } from '../peers/dialer.ts';
import type { Link } from '../peers/link.ts';
import { PeerRecord } from '../peers/peer-record.ts';
import type { PeerTable } from '../peers/peer-table.ts';
import type { MeshSettings } from '../settings.ts';
import { verifyCard } from './sign-card.ts';

/** Whoever was left out when cards were handed on asks for them: soon while there is news, then seldom. */
const FIRST_SYNC_MS = 1_000;
const LAST_SYNC_MS = 30_000;
/** Cards to be handed on are gathered for this long. */
const RELAY_MS = 50;
const RELAYED_DIAL_MS = 250;
/** Cards of one message, as JSON. */
const MAX_BATCH_BYTES = 256 * 1024;

export interface CardExchangeParts {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly settings: MeshSettings;
  readonly table: PeerTable;
  /** `0 <= n < 1` */
  readonly random: () => number;
  dialer(): Dialer;
  isRemoved(peer: PeerId): boolean;
  /** Not every node has a link to every other, so that cards have to be handed on. */
  isLarge(): boolean;
  onCard(record: PeerRecord): void;
}

/** Others' cards: checked as they come, kept, handed on to those who asked for them. */
export class CardExchange {
  readonly #parts: CardExchangeParts;
  readonly #relays = new Set<PeerId>();
  #syncMs = FIRST_SYNC_MS;
  #nextSyncMs = 0;
  #stopped = false;

  constructor(parts: CardExchangeParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Asks a peer for the cards of others, now and as they change. */
  ask(link: Link): void {
    link.say({ kind: 'cards-request', have: this.#versions(link.peer) });
  }

  /** Gives a peer what it has not. */
  answer(link: Link, have: ReadonlyMap<PeerId, number>): void {
    this.#sendCards(link, this.#cardsFor(link.peer, have));
  }

  /** In the order of arrival: a change builds on the card before it. */
  take(record: PeerRecord, link: Link, next: () => SignedCard | undefined): void {
    const before = record.cardWork;
    record.cardWork = this.#takeAfter(before, record, link, next);
  }

  /** A card that another member hands on: of a node to which there may be no link. */
  takeRelayed(link: Link, signed: SignedCard): void {
    const { table, self } = this.#parts;
    const id = peerIdText.safeParse(signed.card['peer']).data;
    if (id === undefined || id === self || this.#parts.isRemoved(id)) return;
    const known = table.find(id);
    if (known === undefined && table.size >= MAX_MEMBERS) return;
    if (known?.known !== undefined && Number(signed.card['version']) <= known.known.card.version) return;
    this.take(known ?? new PeerRecord(id), link, () => signed);
  }

  async #takeAfter(before: Promise<void>, stranger: PeerRecord, link: Link, next: () => SignedCard | undefined): Promise<void> {
    await before;
    const signed = next();
    if (signed === undefined) {
      link.say({ kind: 'card-request' });
      return;
    }
    // Several peers hand on the same card: it came while this one waited its turn.
    const version = this.#parts.table.find(stranger.id)?.known?.card.version;
    if (version !== undefined && Number(signed.card['version']) <= version) return;
    try {
      const known = await verifyCard(signed);
      if (known.card.peer !== stranger.id)
        throw new BadMessageError(`${stranger.id} sent a card of ${known.card.peer} as its own.`);
      // It may have left or been removed while its card was checked.
      if (stranger.forgotten || this.#parts.isRemoved(stranger.id)) return;
      const { table } = this.#parts;
      const record = table.find(stranger.id) ?? stranger;
      if (record === stranger) table.add(record);
      const first = record.known === undefined;
      if (record.known?.addresses.join(' ') !== known.addresses.join(' ')) record.improvedMs = Number.NEGATIVE_INFINITY;
      if (record.known !== undefined && known.card.version <= record.known.card.version) return;
      record.known = known;
      // Others have a link to a node that came back, or it had been gone for them alone.
      if (record.state === 'dead' && record.links.size === 0) record.state = 'alive';
      if (first || this.#parts.isLarge()) this.#relay(record.id);
      if (first) this.#syncSoon();
      this.#parts.onCard(record);
      // Cards of others come many together: how large the mesh is shows a moment later.
      this.#parts.dialer().know(record.id, known.addresses, this.#parts.settings.dialPatienceMs, RELAYED_DIAL_MS);
      this.#parts.table.changed(record);
    } catch (error) {
      link.control.abort(error instanceof BadMessageError ? error : new BadMessageError(errorMessage(error), { cause: error }));
    }
  }

  #syncSoon(): void {
    this.#syncMs = FIRST_SYNC_MS;
    this.#nextSyncMs = Math.min(this.#nextSyncMs, this.#parts.clock.nowMs() + FIRST_SYNC_MS);
  }

  /** Asks one peer, by chance, for what this node missed. */
  sync(now: number): void {
    if (now < this.#nextSyncMs) return;
    this.#nextSyncMs = now + this.#syncMs * (1 + this.#parts.random() / 4);
    this.#syncMs = Math.min(this.#syncMs * 2, LAST_SYNC_MS);
    const links = [...this.#parts.table.records].flatMap((record) => record.usableLinks[0] ?? []);
    const link = links[Math.floor(this.#parts.random() * links.length)];
    link?.say({ kind: 'cards-request', have: this.#versions(link.peer), once: true });
  }

  #versions(except: PeerId): [PeerId, number][] {
    return [...this.#parts.table.records]
      .filter((record) => record.id !== except && record.card !== undefined)
      .map((record): [PeerId, number] => [record.id, record.card?.version ?? 0])
      .slice(0, MAX_MEMBERS);
  }

  #cardsFor(asker: PeerId, have: ReadonlyMap<PeerId, number>): SignedCard[] {
    return [...this.#parts.table.records].flatMap(({ id, state, known }) =>
      id === asker || state === 'dead' || known === undefined || known.card.version <= (have.get(id) ?? -1) ? [] : [known.signed],
    );
  }

  #sendCards(link: Link, cards: readonly SignedCard[]): void {
    for (let at = 0; at < cards.length;) {
      const batch: SignedCard[] = [];
      for (let bytes = 0; at < cards.length && batch.length < MAX_CARDS_A_MESSAGE && bytes < MAX_BATCH_BYTES; at++) {
        const card = cards[at];
        if (card === undefined) break;
        bytes += JSON.stringify(card.card).length;
        batch.push(card);
      }
      link.say({ kind: 'cards', cards: batch });
    }
  }

  /** Hands a card on to those who asked for the cards of others, several together. */
  #relay(peer: PeerId): void {
    this.#relays.add(peer);
    if (this.#relays.size > 1) return;
    this.#parts.clock.schedule(RELAY_MS, () => {
      const cards = [...this.#relays].flatMap((id) => this.#parts.table.find(id)?.known?.signed ?? []);
      this.#relays.clear();
      if (this.#stopped) return;
      this.toAskers((link, id) =>
        this.#sendCards(
          link,
          cards.filter(({ card }) => card['peer'] !== id),
        ),
      );
    });
  }

  toAskers(tell: (link: Link, peer: PeerId) => void): void {
    for (const record of this.#parts.table.records) {
      const [link] = record.wantsCards ? record.usableLinks : [];
      if (link !== undefined) tell(link, record.id);
    }
  }
}
