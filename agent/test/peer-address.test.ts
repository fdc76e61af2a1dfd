import { describe, expect, it } from 'vitest';
import { peerAddress } from '../src/mesh/peer-address.ts';

describe('the address of a peer', () => {
  it.each([
    ['192.168.1.5', '/ip4/192.168.1.5/tcp/11501'],
    ['192.168.1.5:4000', '/ip4/192.168.1.5/tcp/4000'],
    ['studio.local', '/dns/studio.local/tcp/11501'],
    ['studio:4000', '/dns/studio/tcp/4000'],
    ['fd00::2', '/ip6/fd00::2/tcp/11501'],
    ['[fd00::2]:4000', '/ip6/fd00::2/tcp/4000'],
    ['/ip4/10.0.0.1/tcp/1/p2p/12D3KooW', '/ip4/10.0.0.1/tcp/1/p2p/12D3KooW'],
  ])('%s is %s', (text, address) => {
    expect(peerAddress(text)).toBe(address);
  });

  it.each(['', 'a b', 'host:', 'host:x', 'host:0', 'host:70000', 'http://host:1', 'a/b'])('%j is none', (text) => {
    expect(() => peerAddress(text)).toThrow(expect.objectContaining({ name: 'UsageError' }) as Error);
  });
});
