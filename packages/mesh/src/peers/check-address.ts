import { multiaddr } from '@multiformats/multiaddr';
import { InvalidInputError } from '@pippa/core';

/** Throws `InvalidInputError` for what is no multiaddr. */
export function checkAddress(address: string): void {
  try {
    multiaddr(address);
  } catch (error) {
    throw new InvalidInputError(`"${address}" is not a multiaddr.`, {
      cause: error,
      hint: 'Write it like /ip4/192.168.1.20/tcp/7475.',
    });
  }
}
