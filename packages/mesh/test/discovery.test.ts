import type { NetworkInterfaceInfo } from 'node:os';
import { randomBytes } from 'node:crypto';
import { peerId } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeAnnouncement, encodeQuestion, hear, hostOf } from '../src/discovery/announcement.ts';
import { localAddresses, onLink, usableAddresses } from '../src/discovery/interfaces.ts';
import { foundMesh, memoryMeshState } from '../src/index.ts';
import { betterAddresses } from '../src/peers/better-address.ts';
import { interfaceOf } from '../src/peers/classify.ts';
import { backoffMs } from '../src/peers/backoff.ts';
import { connected, TestNodes } from './support/nodes.ts';

function entry(address: string, prefix: number, internal = false): NetworkInterfaceInfo {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  return {
    address,
    netmask: '',
    family,
    mac: '',
    internal,
    cidr: `${address}/${prefix}`,
    ...(family === 'IPv6' ? { scopeid: 0 } : {}),
  } as NetworkInterfaceInfo;
}

const MAC = localAddresses({
  lo0: [entry('127.0.0.1', 8, true), entry('::1', 128, true)],
  en0: [entry('192.168.1.20', 24), entry('fe80::1', 64), entry('2001:db8::20', 64)],
  bridge0: [entry('169.254.10.1', 16)],
  bridge100: [entry('192.168.64.1', 24)],
  utun4: [entry('100.64.0.1', 10)],
  awdl0: [entry('fe80::2', 64)],
  en5: [entry('169.254.99.9', 16)],
});

describe('the interfaces to use', () => {
  const classify = (address: string) => (address.startsWith('169.254.10.') ? 'thunderbolt' : 'unknown');

  it('are the real networks, and a Thunderbolt cable without addresses from anybody', () => {
    expect(usableAddresses(MAC, { classify }).map(({ address }) => address)).toEqual([
      '192.168.1.20',
      '2001:db8::20',
      '169.254.10.1',
    ]);
  });

  it('are those that were named, where some were', () => {
    expect(usableAddresses(MAC, { classify, only: ['utun4'] }).map(({ address }) => address)).toEqual(['100.64.0.1']);
  });

  it('are the loopback where there is nothing else', () => {
    const docker = localAddresses({
      lo: [entry('127.0.0.1', 8, true)],
      docker0: [entry('172.17.0.1', 16)],
      'br-1f': [entry('172.18.0.1', 16)],
    });
    expect(usableAddresses(docker, { classify }).map(({ address }) => address)).toEqual(['127.0.0.1']);
  });

  it('say whether an address can be reached without a router', () => {
    expect(
      ['192.168.1.99', '8.8.8.8', '169.254.77.1', '2001:db8::1', '2001:db9::1', 'no address'].map((address) =>
        onLink(address, MAC),
      ),
    ).toEqual([true, false, true, true, false, false]);
  });

  it('tell what a link runs over', () => {
    expect(interfaceOf({ local: '192.168.1.20', remote: '192.168.1.20' }, classify)).toBe('loopback');
    expect(interfaceOf({ local: '127.0.0.1', remote: '127.0.0.2' }, classify)).toBe('loopback');
    expect(interfaceOf({ local: '169.254.10.1', remote: '169.254.10.2' }, classify)).toBe('thunderbolt');
    expect(interfaceOf(undefined, classify)).toBe('unknown');
  });
});

describe('an announcement', () => {
  const announcement = {
    tag: '0123456789abcdef',
    peer: peerId('12D3KooWQzsztAX9rANYuccxukPtuyJyZ46zvr7esceHk5N3HrmP'),
    instance: 'a'.repeat(32),
    addresses: ['/ip4/192.168.1.2/tcp/4001', '/ip6/2001:db8::1/tcp/4001'],
  };

  it('says where a node is, and nothing of what it is', () => {
    const bytes = encodeAnnouncement(announcement);
    expect(hear(bytes)).toEqual({ kind: 'announcement', announcement });
    expect(bytes.length).toBeLessThan(500);
    expect(hear(encodeQuestion())).toEqual({ kind: 'question' });
  });

  it('of hostile content is dropped, in whole or in part', () => {
    expect(hear(encodeAnnouncement({ ...announcement, tag: 'x' }))).toBeUndefined();
    expect(hear(encodeAnnouncement({ ...announcement, peer: peerId('nobody') }))).toBeUndefined();
    expect(hear(encodeAnnouncement({ ...announcement, instance: 'short' }))).toBeUndefined();
    const odd = hear(
      encodeAnnouncement({ ...announcement, addresses: ['/dns4/evil.example/tcp/1', '/ip4/1.2.3/tcp/1', '/ip4/1.2.3.4/tcp/1'] }),
    );
    expect(odd).toMatchObject({ announcement: { addresses: ['/ip4/1.2.3.4/tcp/1'] } });
    expect(hostOf('/ip4/10.0.0.1/tcp/99')).toBe('10.0.0.1');
  });

  it('made of random and mutated bytes never throws', () => {
    const good = encodeAnnouncement(announcement);
    for (let i = 0; i < 20_000; i++) {
      const bytes = i % 4 === 0 ? new Uint8Array(randomBytes(i % 200)) : good.slice(0, i % 3 === 0 ? i % good.length : good.length);
      for (let j = 0; j < i % 5; j++) bytes[(i * 7 + j * 31) % Math.max(1, bytes.length)] = (i * 13 + j) & 255;
      hear(bytes);
    }
  });
});

describe('waits between dials', () => {
  it('grow to their bound, with some chance in them', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, chance) => {
        const wait = backoffMs(attempt, 500, 15_000, () => chance);
        expect(wait).toBeGreaterThanOrEqual(500);
        expect(wait).toBeLessThanOrEqual(15_000 * 1.25);
      }),
    );
    expect([0, 1, 2].map((attempt) => backoffMs(attempt, 500, 15_000, () => 0))).toEqual([500, 1_000, 2_000]);
  });
});

describe('multicast', () => {
  /** Whether this machine lets multicast through at all; a sandbox may not. */
  it('finds members and shows strangers that a mesh exists', async () => {
    await using nodes = new TestNodes();
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const options = { discovery: { port }, interfaces: [loopbackName()], peers: [] };
    const one = await nodes.start('one', options);
    if (one.problems.some(({ code }) => code.startsWith('multicast'))) {
      console.log('skipped: this machine has no multicast');
      return;
    }
    const two = await nodes.start('two', options);
    await connected(one, two);
    const other = await nodes.start('other', { ...options, membership: foundMesh() });
    const stranger = await nodes.start('stranger', { ...options, state: await memoryMeshState() });
    const seen = await stranger.seek({ waitMs: 5_000 });
    expect(seen.length).toBeGreaterThan(0);
    expect(JSON.stringify(seen)).not.toContain('"one"');
    expect(one.peers().map(({ id }) => id)).toEqual([two.self]);
    expect(other.peers()).toEqual([]);
  });
});

function loopbackName(): string {
  return process.platform === 'darwin' ? 'lo0' : 'lo';
}

describe('a better way', () => {
  it('is an address over a faster kind of interface of this machine', () => {
    const locals = usableAddresses(MAC, { classify: (address) => (address.startsWith('169.254.10.') ? 'thunderbolt' : 'wifi') });
    const classify = (address: string) => (address.startsWith('169.254.') ? 'thunderbolt' : 'wifi');
    const addresses = ['/ip4/192.168.1.99/tcp/1', '/ip4/169.254.10.9/tcp/1', '/ip4/10.9.9.9/tcp/1', '/ip4/192.168.1.20/tcp/1'];
    expect(betterAddresses(addresses, { locals, classify, tier: 3 })).toEqual(['/ip4/169.254.10.9/tcp/1']);
    expect(betterAddresses(addresses, { locals, classify, tier: 1 })).toEqual([]);
  });
});
