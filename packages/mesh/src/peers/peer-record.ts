import type { LinkFacts, Peer, PeerId, PeerState } from '@pippa/core';
import type { KnownCard } from '../cards/sign-card.ts';
import { tierOf } from './classify.ts';
import type { Link } from './link.ts';

const NO_LINK: LinkFacts = { tier: 3, interfaceType: 'unknown', roundTripMs: { p50: 0, p99: 0 }, throughput: 0 };

const SILENCE_COST = 100_000;

/** What this node knows of one member. */
export class PeerRecord implements Peer {
  readonly id: PeerId;
  state: PeerState = 'alive';
  known: KnownCard | undefined;
  /** Of the process that it runs as now, hexadecimal. */
  instance: string | undefined;
  instanceSinceMs = 0;
  readonly links = new Set<Link>();
  /** Cards are checked one after the other. */
  cardWork: Promise<void> = Promise.resolve();
  /** Of this machine, over which links to the peer ran until they were lost. */
  readonly goneAddresses = new Set<string>();
  /** The others know that it does not answer, from this node or from whom this node knows it. */
  silenceTold = false;
  /** When a better address was last looked for. */
  improvedMs = Number.NEGATIVE_INFINITY;
  /** It asked for the cards of others, for as long as there are links to it. */
  wantsCards = false;
  /** Since there was a link. */
  failedDials = 0;
  /** It was taken out of the table: what still comes of it is late. */
  forgotten = false;
  /** There was a link since it was last given up. */
  hadLink = false;
  /** When the last link broke. */
  linkLostMs = 0;
  /** When it died; 0 while it lives. */
  deadSinceMs = 0;
  #lastLink: LinkFacts = NO_LINK;

  constructor(id: PeerId) {
    this.id = id;
  }

  get card(): Peer['card'] {
    return this.known?.card;
  }

  /** For people: what it calls itself, or its id while that is not known. */
  get name(): string {
    return this.card?.name ?? this.id;
  }

  /** The links that take new streams, best first. */
  get usableLinks(): readonly Link[] {
    const open = [...this.links].filter((link) => link.connection.status === 'open');
    const lasting = open.filter((link) => !link.retiring);
    // A link that does not answer is likely broken, whatever its speed.
    const cost = (link: Link): number => link.cost + (link.isSilent ? SILENCE_COST : 0);
    return (lasting.length > 0 ? lasting : open).toSorted((a, b) => cost(a) - cost(b));
  }

  get link(): LinkFacts {
    const best = this.usableLinks[0];
    if (best !== undefined)
      this.#lastLink = {
        tier: tierOf(best.interfaceType),
        interfaceType: best.interfaceType,
        roundTripMs: best.roundTrips.summary,
        throughput: best.throughput,
      };
    return this.#lastLink;
  }

  /** A copy, as of now. */
  describe(): Peer {
    return { id: this.id, state: this.state, card: this.card, link: this.link };
  }
}
