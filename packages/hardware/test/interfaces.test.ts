import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { watchInterfaces } from '../src/interface-watch.ts';
import { createInterfaceClassifier } from '../src/interfaces.ts';
import { recordedLinux, recordedMac } from './support/recorded-machine.ts';

function addresses(...list: string[]): NetworkInterfaceInfo[] {
  return list.map((address) => ({ address }) as NetworkInterfaceInfo);
}

describe('an address of a Mac', () => {
  const interfaces = {
    lo0: addresses('127.0.0.1', '::1', 'fe80::1'),
    en0: addresses('192.168.1.5', 'fe80::1c1d:1'),
    en1: addresses('192.168.1.6'),
    en2: addresses('169.254.10.1'),
    bridge0: addresses('169.254.20.1'),
    en9: addresses('10.9.0.1'),
    en10: addresses('10.10.0.1'),
    utun4: addresses('100.64.0.1'),
  };
  const classify = createInterfaceClassifier(recordedMac('mac-studio-m3-ultra', { interfaces }));

  it.each([
    ['127.0.0.1', 'loopback', 0],
    ['::1', 'loopback', 0],
    ['192.168.1.5', 'wired', 2],
    ['::ffff:192.168.1.5', 'wired', 2],
    ['fe80::1c1d:1%en0', 'wired', 2],
    ['192.168.1.6', 'wifi', 3],
    ['169.254.10.1', 'thunderbolt', 1],
    ['169.254.20.1', 'thunderbolt', 1],
    ['10.9.0.1', 'wired', 2],
    ['10.10.0.1', 'wired', 2],
    ['100.64.0.1', 'unknown', 3],
    ['8.8.8.8', 'unknown', 3],
    ['no address', 'unknown', 3],
  ])('%s is %s, tier %d', async (address, type, tier) => {
    expect(await classify(address)).toMatchObject({ type, tier });
  });
});

describe('an address of a Linux machine', () => {
  const interfaces = Object.fromEntries(
    ['wlp0s20f3', 'thunderbolt0', 'enx00e04c680001', 'br0', 'br0.10', 'bond0', 'docker0', 'vnet0'].map((name, index) => [
      name,
      addresses(`10.0.0.${index + 1}`),
    ]),
  );

  it.each([
    ['10.0.0.1', 'wlp0s20f3', 'wifi'],
    ['10.0.0.2', 'thunderbolt0', 'thunderbolt'],
    ['10.0.0.3', 'enx00e04c680001', 'wired'],
    ['10.0.0.4', 'br0', 'wired'],
    ['10.0.0.5', 'br0.10', 'wired'],
    ['10.0.0.6', 'bond0', 'wifi'],
    ['10.0.0.7', 'docker0', 'unknown'],
    ['10.0.0.8', 'vnet0', 'unknown'],
  ])('%s on %s is %s', async (address, name, type) => {
    const classify = createInterfaceClassifier(await recordedLinux('linux-laptop', { facts: { interfaces } }));
    expect(await classify(address)).toMatchObject({ name, type });
  });
});

describe('watching the interfaces', () => {
  it('knows those that are there at once, and new ones after the next look', async () => {
    const interfaces: Record<string, NetworkInterfaceInfo[]> = { wlp0s20f3: addresses('10.0.0.1', 'fe80::1') };
    const reader = await recordedLinux('linux-laptop', { facts: { interfaces } });
    let look: (() => void) | undefined;
    let looked: () => void = () => undefined;
    const clock = {
      nowMs: () => 0,
      wallMs: () => 0,
      schedule(_delayMs: number, callback: () => void) {
        look = callback;
        looked();
        return () => (look = undefined);
      },
    };
    const watch = await watchInterfaces({ reader, clock });
    expect(['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1%wlp0s20f3'].map((address) => watch.typeOf(address))).toEqual([
      'wifi',
      'wifi',
      'wifi',
    ]);
    expect(watch.typeOf('127.0.0.1')).toBe('loopback');
    expect(watch.typeOf('10.0.0.2')).toBe('unknown');
    delete interfaces['wlp0s20f3'];
    interfaces['thunderbolt0'] = addresses('10.0.0.2');
    await new Promise<void>((resolve) => {
      looked = resolve;
      look?.();
    });
    expect(watch.typeOf('10.0.0.2')).toBe('thunderbolt');
    expect(watch.typeOf('10.0.0.1')).toBe('unknown');
    watch.stop();
    expect(look).toBeUndefined();
  });
});
