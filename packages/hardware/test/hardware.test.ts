import { GIB, KIB } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { readHardware } from '../src/hardware.ts';
import { systemReader } from '../src/system-reader.ts';
import { nothing, recordedLinux, recordedMac, silentMachine } from './support/recorded-machine.ts';

const processor = { model: 'unknown', busyMs: 0, idleMs: 0 };

describe('the hardware of a Mac', () => {
  it('is read of its own tools, its GPU limit honoured', async () => {
    expect(await readHardware(recordedMac('mac-studio-m3-ultra'))).toEqual({
      name: "Anna's Mac Studio",
      platform: 'darwin-arm64',
      chip: 'Apple M3 Ultra',
      memory: {
        totalBytes: 256 * GIB,
        budgetBytes: 230_000 * 1024 * 1024,
        availableBytes: (9_876_543 + 45_678 + 12_345 + 1_500_000) * 16_384,
      },
      performanceCores: 24,
    });
  });

  it('leaves the limit to Metal where nobody set one: two thirds below 36 GB, three quarters above', async () => {
    const { memory } = await readHardware(recordedMac('macbook-m3-max-battery'));
    expect(memory.budgetBytes).toBe(27 * GIB);
    const intel = await readHardware(recordedMac('mac-mini-intel', { architecture: 'x64', hostName: 'mini.fritz.box' }));
    expect(intel).toMatchObject({
      name: 'mini',
      platform: 'darwin-x64',
      chip: 'Intel Core i7-8700B CPU @ 3.20GHz',
      performanceCores: 6,
    });
    expect(intel.memory.budgetBytes / GIB).toBeCloseTo(21.33, 2);
  });

  it('counts super cores with the performance cores', async () => {
    const mac = recordedMac('mac-studio-m3-ultra');
    const reader = {
      ...mac,
      run: async () =>
        'hw.perflevel0.name: Super\nhw.perflevel0.physicalcpu: 6\nhw.perflevel1.name: Performance\nhw.perflevel1.physicalcpu: 12\n',
    };
    expect((await readHardware(reader)).performanceCores).toBe(18);
  });
});

describe('the hardware of a Linux machine', () => {
  it('is read of /proc and /sys, without its small cores and second threads', async () => {
    const facts = { parallelism: 16, processors: Array.from({ length: 16 }, () => processor) };
    expect(await readHardware(await recordedLinux('linux-laptop', { facts }))).toEqual({
      name: 'box',
      platform: 'linux-x64',
      chip: '12th Gen Intel Core i5-1240P',
      memory: {
        totalBytes: 15_988_888 * KIB,
        budgetBytes: Math.floor(15_988_888 * KIB * 0.9),
        availableBytes: 1_100_000 * KIB,
      },
      performanceCores: 4,
    });
  });

  it('knows the big cores of an Arm board', async () => {
    const facts = { architecture: 'arm64', processors: Array.from({ length: 4 }, () => processor) };
    expect(await readHardware(await recordedLinux('linux-arm-board', { facts }))).toMatchObject({
      platform: 'linux-arm64',
      chip: 'arm64',
      performanceCores: 2,
    });
  });

  it('keeps to the limits of its container, those of the groups above it included', async () => {
    const container = await readHardware(await recordedLinux('linux-container'));
    expect(container.memory).toEqual({ totalBytes: 16 * GIB, budgetBytes: Math.floor(16 * GIB * 0.9), availableBytes: 16 * GIB });
    const old = await readHardware(await recordedLinux('linux-cgroup-v1'));
    expect(old.memory.totalBytes).toBe(4 * GIB);
    const changes = { '/sys/fs/cgroup/user.slice/memory.max': String(3 * GIB) };
    expect((await readHardware(await recordedLinux('linux-laptop', { changes }))).memory.totalBytes).toBe(3 * GIB);
  });

  it('never counts more cores than the process may use', async () => {
    const facts = { parallelism: 2, processors: Array.from({ length: 16 }, () => processor) };
    expect((await readHardware(await recordedLinux('linux-laptop', { facts }))).performanceCores).toBe(2);
  });
});

describe('the hardware of a machine that tells nothing', () => {
  it.each(['linux', 'darwin'] as const)('is what Node knows (%s)', async (platform) => {
    const facts = await readHardware({ ...silentMachine, facts: () => ({ ...nothing, platform }) });
    expect(facts).toMatchObject({ name: 'box', chip: 'x64', performanceCores: 4 });
    expect(facts.memory.totalBytes).toBe(8e9);
  });
});

it('the machine that the tests run on has a name, memory and cores', async () => {
  const { name, memory, performanceCores } = await readHardware(systemReader);
  expect(name).not.toBe('');
  expect(memory.budgetBytes).toBeGreaterThan(0);
  expect(memory.budgetBytes).toBeLessThanOrEqual(memory.totalBytes);
  expect(performanceCores).toBeGreaterThanOrEqual(1);
});
