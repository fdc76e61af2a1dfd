import type { Clock, NodeCard } from '@pippa/core';
import { nodeCard, parseMessage, type CardChange, type SignedCard } from '@pippa/protocol';
import type { Identity } from '../state/identity.ts';
import { signCard } from './sign-card.ts';

export type CardContent = Omit<NodeCard, 'peer' | 'version' | 'protocolVersion'>;
export type CardUpdate = Partial<Omit<NodeCard, 'peer' | 'version'>>;

export interface OwnCardParts {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly protocolVersion: number;
  readonly delayMs: number;
  /** Multiaddrs under which this node is dialled now. */
  addresses(): readonly string[];
  /** A change is signed and to be told to all. */
  publish(change: CardChange): void;
}

/** This node's own card: changed at once here, signed and published a moment later, several changes together. */
export class OwnCard {
  readonly #parts: OwnCardParts;
  #card: NodeCard;
  #signed: SignedCard | undefined;
  #publishedMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(content: CardContent, parts: OwnCardParts) {
    this.#parts = parts;
    this.#card = checked({
      ...content,
      peer: parts.identity.peer,
      protocolVersion: parts.protocolVersion,
      version: Math.floor(parts.clock.wallMs()),
    });
  }

  get card(): NodeCard {
    return this.#card;
  }

  /** The last published state; signs the first one. */
  async signed(): Promise<SignedCard> {
    await this.#work;
    this.#signed ??= await signCard(this.#parts.identity, this.#card, this.#parts.addresses());
    return this.#signed;
  }

  /** Throws `BadMessageError` for a card that no other node would take. */
  update(change: CardUpdate): void {
    this.#card = checked({ ...this.#card, ...change, version: this.#nextVersion() });
    this.#schedule();
  }

  /** The addresses changed. */
  touch(): void {
    this.update({});
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #nextVersion(): number {
    return Math.max(Math.floor(this.#parts.clock.wallMs()), this.#card.version + 1);
  }

  #schedule(): void {
    if (this.#cancel !== undefined) return;
    const waitMs = Math.max(0, this.#publishedMs + this.#parts.delayMs - this.#parts.clock.nowMs());
    this.#cancel = this.#parts.clock.schedule(waitMs, () => {
      this.#cancel = undefined;
      this.#publishedMs = this.#parts.clock.nowMs();
      this.#work = this.#work.then(async () => this.#publish());
    });
  }

  async #publish(): Promise<void> {
    const before = this.#signed;
    const signed = await signCard(this.#parts.identity, this.#card, this.#parts.addresses());
    this.#signed = signed;
    // Nobody has heard of a card that was never signed.
    if (before === undefined) return;
    this.#parts.publish(changeBetween(before, signed));
  }
}

function checked(card: NodeCard): NodeCard {
  parseMessage(nodeCard, card, 'a node card');
  return card;
}

/** Only the fields that differ; `version` always does. */
export function changeBetween(before: SignedCard, after: SignedCard): CardChange {
  const change = Object.fromEntries(
    Object.entries(after.card).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(before.card[field])),
  );
  return { base: Number(before.card['version']), change, addresses: after.addresses, signature: after.signature };
}

export function applyChange(before: SignedCard, { change, addresses, signature }: CardChange): SignedCard {
  return { card: { ...before.card, ...change }, addresses, signature };
}
