import type { Clock } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { watchConditions, type Conditions } from '../src/conditions.ts';
import type { MachineReader } from '../src/machine-reader.ts';
import { nothing, recordedLinux, recordedMac, silentMachine } from './support/recorded-machine.ts';

/** A clock whose one timer fires when told; `scheduled` resolves once it is set. */
class StepClock implements Clock {
  #callback: (() => void) | undefined;
  #waiting: (() => void) | undefined;
  cancelled = false;
  timeMs = 0;

  nowMs(): number {
    return this.timeMs;
  }

  wallMs(): number {
    return 0;
  }

  schedule(_delayMs: number, callback: () => void): () => void {
    this.#callback = callback;
    this.#waiting?.();
    return () => {
      this.cancelled = true;
      this.#callback = undefined;
    };
  }

  /** Waits for the look under way, then begins the next one and waits for it too. */
  async step(): Promise<void> {
    await this.settled();
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
    await this.settled();
  }

  async settled(): Promise<void> {
    if (this.#callback === undefined) await new Promise<void>((resolve) => (this.#waiting = resolve));
  }
}

async function conditionsOf(reader: MachineReader): Promise<Conditions> {
  return new Promise((resolve) => {
    const stop = watchConditions(
      (conditions) => {
        stop();
        resolve(conditions);
      },
      { reader },
    );
  });
}

describe('the conditions of a machine', () => {
  it('are those of a Mac on mains', async () => {
    expect(await conditionsOf(recordedMac('mac-studio-m3-ultra'))).toEqual({
      power: { source: 'mains' },
      thermalPressure: 'nominal',
      memoryPressure: 'normal',
      load: 0,
    });
  });

  it('are those of a hot MacBook on battery', async () => {
    expect(await conditionsOf(recordedMac('macbook-m3-max-battery'))).toMatchObject({
      power: { source: 'battery', batteryPercent: 63 },
      thermalPressure: 'serious',
      memoryPressure: 'warning',
    });
  });

  it('are those of a hot Linux laptop on battery, its mouse left out', async () => {
    expect(await conditionsOf(await recordedLinux('linux-laptop'))).toMatchObject({
      power: { source: 'battery', batteryPercent: 41 },
      thermalPressure: 'serious',
      memoryPressure: 'warning',
    });
  });

  it.each<[what: string, changes: Record<string, string>, expected: Partial<Conditions>]>([
    [
      'plugged in',
      { '/sys/class/power_supply/AC/online': '1\n', '/sys/class/power_supply/BAT0/status': 'Charging\n' },
      { power: { source: 'mains', batteryPercent: 41 } },
    ],
    ['about to be slowed down', { '/sys/class/thermal/thermal_zone1/temp': '91000\n' }, { thermalPressure: 'fair' }],
    ['cool', { '/sys/class/thermal/thermal_zone1/temp': '50000\n' }, { thermalPressure: 'nominal' }],
    ['about to switch itself off', { '/sys/class/thermal/thermal_zone0/temp': '120000\n' }, { thermalPressure: 'critical' }],
    ['out of memory', { '/proc/meminfo': 'MemTotal: 16000000 kB\nMemAvailable:   200000 kB\n' }, { memoryPressure: 'critical' }],
    [
      'at rest',
      {
        '/proc/meminfo': 'MemTotal:       16000000 kB\nMemAvailable:   9000000 kB\n',
        '/proc/pressure/memory': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
      },
      { memoryPressure: 'normal' },
    ],
  ])('tell of one that is %s', async (_what, changes, expected) => {
    expect(await conditionsOf(await recordedLinux('linux-laptop', { changes }))).toMatchObject(expected);
  });

  it('are on mains and otherwise unknown where nothing is to be read', async () => {
    expect(await conditionsOf(silentMachine)).toEqual({
      power: { source: 'mains' },
      thermalPressure: 'unknown',
      memoryPressure: 'unknown',
      load: 0,
    });
    expect(await conditionsOf({ ...silentMachine, facts: () => ({ ...nothing, platform: 'darwin' }) })).toMatchObject({
      power: { source: 'unknown' },
    });
  });
});

describe('watching', () => {
  /** A machine of one processor that was busy for the given share of each look's second. */
  function machine(shares: number[]): MachineReader & { pressure: string } {
    let busyMs = 0;
    let idleMs = 0;
    let first = true;
    return {
      ...silentMachine,
      pressure: 'some avg10=0.00\n',
      facts() {
        const share = first ? 0 : (shares.shift() ?? 0);
        first = false;
        busyMs += share * 1000;
        idleMs += (1 - share) * 1000;
        return { ...nothing, processors: [{ model: '', busyMs, idleMs }] };
      },
      async readFile(path) {
        return path === '/proc/pressure/memory' ? this.pressure : undefined;
      },
    };
  }

  it('calls back on changes alone', async () => {
    const clock = new StepClock();
    const reader = machine([0.5, 0.52, 0.46, 0.53, 0.9, 0.88]);
    const seen: number[] = [];
    const stop = watchConditions(({ load }) => seen.push(load), { reader, clock });
    for (let look = 1; look < 6; look += 1) await clock.step();
    expect(seen).toEqual([0.5, 0.9]);
    stop();
  });

  it('tells small changes of load no more often than every 10 s, and large ones at once', async () => {
    const clock = new StepClock();
    const seen: number[] = [];
    const stop = watchConditions(({ load }) => seen.push(load), { reader: machine([0.2, 0.4, 0.4, 0.9, 0.7, 0.7]), clock });
    await clock.step();
    expect(seen).toEqual([0.2]);
    clock.timeMs = 10_000;
    await clock.step();
    expect(seen).toEqual([0.2, 0.4]);
    await clock.step();
    expect(seen).toEqual([0.2, 0.4, 0.9]);
    await clock.step();
    expect(seen).toEqual([0.2, 0.4, 0.9]);
    clock.timeMs = 20_000;
    await clock.step();
    expect(seen).toEqual([0.2, 0.4, 0.9, 0.7]);
    stop();
  });

  it('tells when memory becomes tight', async () => {
    const clock = new StepClock();
    const reader = machine([]);
    const seen: string[] = [];
    const stop = watchConditions(({ memoryPressure }) => seen.push(memoryPressure), { reader, clock });
    await clock.step();
    reader.pressure = 'some avg10=40.00\nfull avg10=22.00\n';
    await clock.step();
    expect(seen).toEqual(['normal', 'critical']);
    stop();
  });

  it('ends when it is told to, in the middle of a look too', async () => {
    const clock = new StepClock();
    let seen = 0;
    const stop = watchConditions(() => (seen += 1), { reader: machine([]), clock });
    await clock.settled();
    stop();
    expect(clock.cancelled).toBe(true);
    watchConditions(() => (seen += 1), { reader: machine([]), clock })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toBe(1);
  });
});
