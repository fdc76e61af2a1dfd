import type { LinkTier } from '@pippa/core';
import { hostOf } from '../discovery/announcement.ts';
import { onLink, type LocalAddress } from '../discovery/interfaces.ts';
import { tierOf, type ClassifyInterface } from './classify.ts';

/**
 * The peer's addresses that are reached over a better kind of interface than `tier`, best first: the Thunderbolt cable beside the
 * Wi-Fi. Only addresses in a network of this machine count, since for others nobody knows the way.
 */
export function betterAddresses(
  addresses: readonly string[],
  options: { readonly locals: readonly LocalAddress[]; readonly classify: ClassifyInterface; readonly tier: LinkTier },
): readonly string[] {
  return addresses
    .flatMap((address) => {
      const host = hostOf(address) ?? '';
      const local = options.locals.find((candidate) => onLink(host, [candidate]));
      // Its own address means the same machine, which was known without looking for better.
      if (local === undefined || local.address === host || local.loopback) return [];
      return [{ address, tier: tierOf(options.classify(local.address)) }];
    })
    .filter(({ tier }) => tier < options.tier)
    .toSorted((a, b) => a.tier - b.tier)
    .map(({ address }) => address);
}
