import type { LinkFacts, LinkTier } from '@pippa/core';

export type InterfaceType = LinkFacts['interfaceType'];

/** The tier of a link over such an interface: what is not known is taken for the slowest. */
export function tierOf(type: InterfaceType): LinkTier {
  switch (type) {
    case 'loopback':
      return 0;
    case 'thunderbolt':
      return 1;
    case 'wired':
      return 2;
    case 'wifi':
    case 'unknown':
      return 3;
  }
}
