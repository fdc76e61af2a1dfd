import { encodeCanonical } from '../wire/canonical.ts';

/** What a card's signature is over: its content in canonical form, under a name of its own so that it can't be taken for anything else. */
export function cardStatement(card: Readonly<Record<string, unknown>>, addresses: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`pippa card 1\n${encodeCanonical({ card, addresses })}`);
}
