import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type Clock } from '@pippa/core';
import type { HardwareFacts, MachineReader } from '@pippa/hardware';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepCardFresh, type CardChange } from '../src/mesh/keep-card-fresh.ts';

const hardware: HardwareFacts = {
  name: 'box',
  platform: 'linux-x64',
  chip: 'a chip',
  memory: { totalBytes: 1, budgetBytes: 1, availableBytes: 1 },
  performanceCores: 2,
};

/** A machine that tells nothing. */
const reader: MachineReader = {
  facts: () => ({
    platform: 'linux',
    architecture: 'x64',
    hostName: 'box',
    processors: [],
    totalBytes: 1,
    freeBytes: 1,
    parallelism: 2,
    interfaces: {},
  }),
  run: async () => undefined,
  readFile: async () => undefined,
  list: async () => [],
};

/** Keeps what is scheduled by its delay until it is told to happen. */
class ManualClock implements Clock {
  readonly waiting: { readonly delayMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return 0;
  }

  wallMs(): number {
    return 0;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    // Watching whether the machine is quiet.
    if (delayMs === 200) setImmediate(callback);
    if (delayMs === 200) return () => undefined;
    const entry = { delayMs, callback };
    this.waiting.push(entry);
    return () => void this.waiting.splice(this.waiting.indexOf(entry), 1);
  }

  fire(delayMs: number): void {
    const index = this.waiting.findIndex((entry) => entry.delayMs === delayMs);
    this.waiting.splice(index, 1)[0]?.callback();
  }
}

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-card-'));
});
afterEach(() => rm(directory, { recursive: true }));

function keep(measure: () => Promise<number | undefined>, alone = false) {
  const clock = new ManualClock();
  const changes: CardChange[] = [];
  const updateCard = (change: CardChange): void => void changes.push(change);
  const parts = { hardware, cachePath: join(directory, 'm.json'), logger: silentLogger, updateCard, reader, clock, measure, alone };
  const stop = keepCardFresh(parts);
  return { clock, changes, stop };
}

describe('a card', () => {
  it('gets what is measured and how the machine fares, and changes no more after it was stopped', async () => {
    const { changes, clock, stop } = keep(async () => 55e9);
    await expect.poll(() => changes.length).toBe(2);
    expect(Object.assign({}, ...changes)).toMatchObject({ memoryBandwidth: 55e9, power: { source: 'mains' }, load: 0 });
    stop();
    await expect.poll(() => clock.waiting.length).toBe(0);
  });

  it('has an estimate while the machine is too busy to be measured, and the measure later', async () => {
    const results = [undefined, 55e9];
    const { changes, clock, stop } = keep(async () => results.shift());
    const bandwidths = (): unknown[] => changes.flatMap(({ memoryBandwidth = [] }) => memoryBandwidth);
    await expect.poll(() => clock.waiting.some(({ delayMs }) => delayMs === 60_000)).toBe(true);
    expect(bandwidths()).toEqual([40e9]);
    clock.fire(60_000);
    await expect.poll(bandwidths).toEqual([40e9, 55e9]);
    expect(clock.waiting.some(({ delayMs }) => delayMs === 60_000)).toBe(false);
    stop();
  });

  it('is not measured for where nobody else plans with it', async () => {
    let measured = 0;
    const { changes, stop } = keep(async () => (measured += 1), true);
    await expect.poll(() => changes.length).toBe(1);
    expect(measured).toBe(0);
    stop();
  });
});
