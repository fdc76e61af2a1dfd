import type { LinkFacts, LinkTier } from '@pippa/core';

export type InterfaceType = LinkFacts['interfaceType'];
/** What the interface with a local address is; the agent knows from the hardware. */
export type ClassifyInterface = (localAddress: string) => InterfaceType;

const TIERS: Readonly<Record<InterfaceType, LinkTier>> = { loopback: 0, thunderbolt: 1, wired: 2, wifi: 3, unknown: 3 };

export function tierOf(type: InterfaceType): LinkTier {
  return TIERS[type];
}

/** Both ends on one machine are a loopback, whatever the address. */
export function interfaceOf(
  addresses: { readonly local: string; readonly remote: string } | undefined,
  classify: ClassifyInterface,
): InterfaceType {
  if (addresses === undefined) return 'unknown';
  if (addresses.local === addresses.remote || addresses.local.startsWith('127.') || addresses.local === '::1') return 'loopback';
  return classify(addresses.local);
}
