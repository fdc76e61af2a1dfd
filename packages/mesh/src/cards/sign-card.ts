import { peerIdFromString } from '@libp2p/peer-id';
import type { NodeCard, PeerId } from '@pippa/core';
import { asNodeCard, BadMessageError, cardStatement, nodeCard, parseMessage, type SignedCard } from '@pippa/protocol';
import type { Identity } from '../state/identity.ts';

/** A card, checked, with where its node listens and the proof that it is the node's own. */
export interface KnownCard {
  readonly card: NodeCard;
  /** Multiaddrs without a peer id. */
  readonly addresses: readonly string[];
  readonly signed: SignedCard;
}

type Plain = Readonly<Record<string, unknown>>;

export async function signCard(identity: Identity, card: NodeCard, addresses: readonly string[]): Promise<SignedCard> {
  const plain = { ...card } as Record<string, unknown>;
  return { card: plain, addresses: [...addresses], signature: await identity.privateKey.sign(cardStatement(plain, addresses)) };
}

/** Throws `BadMessageError` for a card that is not what `nodeCard` says or not signed by the node that it is of. */
export async function verifyCard(signed: SignedCard): Promise<KnownCard> {
  const card = asNodeCard(parseMessage(nodeCard, signed.card, 'a node card'));
  if (!(await isSignedBy(card.peer, signed.card, signed.addresses, signed.signature)))
    throw new BadMessageError(`A card of ${card.peer} is not signed by it.`);
  return { card, addresses: signed.addresses, signed };
}

async function isSignedBy(peer: PeerId, card: Plain, addresses: readonly string[], signature: Uint8Array): Promise<boolean> {
  try {
    const { publicKey } = peerIdFromString(peer);
    return publicKey !== undefined && (await publicKey.verify(cardStatement(card, addresses), signature));
  } catch {
    return false;
  }
}
