import { silentLogger, ringId, modelId, type CardStage } from '@pippa/core';
import { blankCard } from '@pippa/testing';
import { describe, expect, it } from 'vitest';
import { planRelief } from '../src/node/plan-relief.ts';
import { ReliefWatch } from '../src/node/relief.ts';

const STAGE: CardStage = { ring: ringId('ring'), model: modelId('a'.repeat(64)), from: 4, to: 8, memoryBytes: 1 };

describe('a machine in trouble', () => {
  it('is relieved of spares when memory runs short, of stages when it runs out, the battery does, or it is about to switch itself off', () => {
    const mains = { source: 'mains' } as const;
    expect(planRelief({ memoryPressure: 'normal', thermalPressure: 'nominal', power: mains })).toBe('none');
    expect(planRelief({ memoryPressure: 'normal', thermalPressure: 'serious', power: mains })).toBe('none');
    expect(planRelief({ memoryPressure: 'normal', thermalPressure: 'critical', power: mains })).toBe('stages');
    expect(planRelief({ memoryPressure: 'warning', thermalPressure: 'nominal', power: mains })).toBe('spares');
    expect(planRelief({ memoryPressure: 'critical', thermalPressure: 'nominal', power: mains })).toBe('stages');
    expect(
      planRelief({ memoryPressure: 'normal', thermalPressure: 'nominal', power: { source: 'battery', batteryPercent: 30 } }),
    ).toBe('none');
    expect(
      planRelief({ memoryPressure: 'normal', thermalPressure: 'nominal', power: { source: 'battery', batteryPercent: 6 } }),
    ).toBe('stages');
  });

  it('asks once and again after a while, not all the time', async () => {
    let spares = 2;
    let asked = 0;
    let nowMs = 0;
    const watch = new ReliefWatch({
      mesh: { card: { ...blankCard('laptop'), power: { source: 'battery', batteryPercent: 5 }, stages: [STAGE] } },
      host: { giveUpSpare: async () => (spares -= 1) >= 0 },
      router: {
        vacate: async () => {
          asked += 1;
        },
      },
      clock: { nowMs: () => nowMs },
      logger: silentLogger,
    });
    await watch.look();
    expect(spares).toBeLessThan(0);
    for (const atMs of [1000, 2000, 59_000]) {
      nowMs = atMs;
      await watch.look();
    }
    expect(asked).toBe(1);
    nowMs = 61_000;
    await watch.look();
    expect(asked).toBe(2);
  });
});
