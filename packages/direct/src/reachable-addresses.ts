import { networkInterfaces } from 'node:os';

/** As many as an offer may have. */
export const MAX_OFFERED_ADDRESSES = 16;

/** Addresses of the network first, this machine's own last. Link-local ones need an interface that the peer would have to guess. */
export function reachableAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = all.filter((item) => !item.internal && !/^fe80:/i.test(item.address)).map((item) => item.address);
  return [...outward.slice(0, MAX_OFFERED_ADDRESSES - 1), '127.0.0.1'];
}
