import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@pippa/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bestRate } from '../src/copy-rate.ts';
import { readHardware } from '../src/hardware.ts';
import type { MachineReader } from '../src/machine-reader.ts';
import { measureMemoryBandwidth } from '../src/memory-bandwidth.ts';
import { readPerformance, type PerformanceFacts } from '../src/performance.ts';
import { recordedLinux, recordedMac } from './support/recorded-machine.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-hardware-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function performanceOf(
  reader: MachineReader,
  measured: number | undefined,
): Promise<PerformanceFacts & { measured: number }> {
  let count = 0;
  const measure = async (): Promise<number | undefined> => {
    count += 1;
    return measured;
  };
  const cachePath = join(directory, 'cache', 'm.json');
  const clock = { ...systemClock, schedule: (_delayMs: number, callback: () => void) => (setImmediate(callback), () => undefined) };
  const facts = await readPerformance(await readHardware(reader), { reader, cachePath, measure, clock });
  return { ...facts, measured: count };
}

describe('the speed of a machine', () => {
  it('is looked up for a chip that is known, by its GPU cores', async () => {
    expect(await performanceOf(recordedMac('macbook-m3-max-battery'), 1)).toMatchObject({
      memoryBandwidth: 300e9,
      bandwidthSource: 'published',
      gpuCores: 30,
      measured: 0,
    });
  });

  it('is measured once for any other, and remembered', async () => {
    const reader = await recordedLinux('linux-container');
    expect(await performanceOf(reader, 77e9)).toMatchObject({ memoryBandwidth: 77e9, bandwidthSource: 'measured', measured: 1 });
    expect(await performanceOf(reader, 1)).toMatchObject({ memoryBandwidth: 77e9, bandwidthSource: 'measured', measured: 0 });
    expect(await performanceOf(await recordedLinux('linux-laptop'), 33e9)).toMatchObject({ memoryBandwidth: 33e9, measured: 1 });
  });

  it('is measured again when what was remembered makes no sense', async () => {
    const reader = await recordedLinux('linux-container');
    await performanceOf(reader, 77e9);
    const path = join(directory, 'cache', 'm.json');
    for (const text of ['', '{"method":0,"memoryBandwidth":{}}', (await readFile(path, 'utf8')).replace('77000000000', '-1')]) {
      await writeFile(path, text);
      expect(await performanceOf(reader, 55e9)).toMatchObject({ memoryBandwidth: 55e9, measured: 1 });
    }
  });

  it('is not remembered when the machine was busy', async () => {
    let busyMs = 0;
    const container = await recordedLinux('linux-container');
    const busy: MachineReader = {
      ...container,
      facts: () => ({ ...container.facts(), processors: [{ model: '', busyMs: (busyMs += 100), idleMs: 0 }] }),
    };
    expect(await performanceOf(busy, 20e9)).toMatchObject({ memoryBandwidth: 20e9, isSettled: false });
    expect(await performanceOf(container, 77e9)).toMatchObject({ memoryBandwidth: 77e9, isSettled: true, measured: 1 });
    expect(await performanceOf(busy, 20e9)).toMatchObject({ memoryBandwidth: 77e9, isSettled: true, measured: 0 });
  });

  it('is estimated where it can neither be looked up nor measured', async () => {
    const facts = await performanceOf(await recordedLinux('linux-container'), undefined);
    expect(facts.bandwidthSource).toBe('estimated');
    expect(facts.memoryBandwidth).toBeGreaterThan(0);
    expect(facts.computeRate).toBeGreaterThan(0);
  });

  it('of a new Apple chip is what its cores measure, or what the last such chip had', async () => {
    const mac = recordedMac('mac-studio-m3-ultra');
    const next: MachineReader = {
      ...mac,
      run: async (command, words) => (await mac.run(command, words))?.replaceAll('M3 Ultra', 'M9 Max'),
    };
    expect(await performanceOf(next, 100e9)).toMatchObject({ memoryBandwidth: 460e9, bandwidthSource: 'estimated', gpuCores: 60 });
    await rm(join(directory, 'cache'), { recursive: true });
    expect(await performanceOf(next, 900e9)).toMatchObject({ memoryBandwidth: 900e9, bandwidthSource: 'measured' });
  });
});

describe('the copy bench', () => {
  it('counts a byte copied as two on the bus, in the fastest window', () => {
    const steady = [0, 1, 2, 3, 4].map((step) => ({ atMs: step * 10, bytes: step * 1e6 }));
    expect(bestRate(steady)).toBe(200e6);
    const stalled = [...steady, { atMs: 1000, bytes: 5e6 }];
    expect(bestRate(stalled)).toBe(200e6);
  });

  it('has nothing to say for too few samples, or when nothing was copied', () => {
    expect(bestRate([])).toBeUndefined();
    expect(
      bestRate([
        { atMs: 0, bytes: 0 },
        { atMs: 10, bytes: 10 },
      ]),
    ).toBeUndefined();
    expect(bestRate([0, 1, 2, 3].map((atMs) => ({ atMs, bytes: 5 })))).toBeUndefined();
  });

  it('never tells more than the fastest step', () => {
    const step = fc.record({ ms: fc.integer({ min: 1, max: 100 }), bytes: fc.integer({ min: 0, max: 1e9 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 12 }), (steps) => {
        let atMs = 0;
        let bytes = 0;
        const samples = [{ atMs, bytes }, ...steps.map((one) => ({ atMs: (atMs += one.ms), bytes: (bytes += one.bytes) }))];
        const fastest = Math.max(...steps.map((one) => (one.bytes * 2000) / one.ms));
        expect(bestRate(samples) ?? 0).toBeLessThanOrEqual(fastest * 1.000_001);
      }),
    );
  });

  it('measures this machine, and leaves its thread free meanwhile', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 5);
    const bytesPerSecond = await measureMemoryBandwidth({ threads: 1 });
    clearInterval(timer);
    // Between a slow board and the fastest there is.
    expect(bytesPerSecond).toBeGreaterThan(0.1e9);
    expect(bytesPerSecond).toBeLessThan(5e12);
    expect(turns).toBeGreaterThan(0);
  });

  it('stops at once with the reason of its signal', async () => {
    const giving = new AbortController();
    const measuring = measureMemoryBandwidth({ threads: 1, signal: giving.signal });
    giving.abort(new RangeError('no time'));
    await expect(measuring).rejects.toThrow('no time');
    await expect(measureMemoryBandwidth({ threads: 1, signal: giving.signal })).rejects.toThrow('no time');
  });
});
