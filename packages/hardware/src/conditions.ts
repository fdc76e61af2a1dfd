import type { Clock, NodeCard } from '@pippa/core';
import { systemClock } from '@pippa/core';
import { busyTime, loadBetween } from './busy-time.ts';
import { parseMeminfo } from './linux/meminfo.ts';
import { readPowerSupply } from './linux/power-supply.ts';
import { memoryPressureOf as linuxMemoryPressure, parsePressure } from './linux/pressure.ts';
import { readThermal } from './linux/thermal.ts';
import type { MachineReader, OperatingSystemFacts } from './machine-reader.ts';
import { parsePmset } from './mac/pmset.ts';
import { memoryPressureOf as macMemoryPressure, parseThermalPressure } from './mac/pressure.ts';
import { readSysctl, sysctlNumber } from './mac/sysctl.ts';
import { systemReader } from './system-reader.ts';

/** What changes while the machine runs; the fields of a node card. */
export type Conditions = Pick<NodeCard, 'power' | 'thermalPressure' | 'memoryPressure' | 'load'>;

export interface WatchConditionsOptions {
  readonly reader?: MachineReader;
  readonly clock?: Clock;
  /** From the end of one look to the begin of the next; 2 s when left out. */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 2000;
/** The load is told in steps of this size, so that a machine at rest is silent. */
const LOAD_STEP = 0.1;
/** Smaller changes than this wait until the load has been told for `LOAD_SETTLE_MS`: every change goes to the whole mesh. */
const LOAD_JUMP = 0.3;
const LOAD_SETTLE_MS = 10_000;

/**
 * Calls back with the conditions once they are known, and from then on when one of them changes. Returns how to stop that. Load moves
 * in steps of a tenth, small ones at most every 10 s.
 */
export function watchConditions(
  onChange: (conditions: Conditions) => void,
  { reader = systemReader, clock = systemClock, intervalMs = INTERVAL_MS }: WatchConditionsOptions = {},
): () => void {
  let stopped = false;
  let cancel: (() => void) | undefined;
  let told: Conditions | undefined;
  let loadToldMs = Number.NEGATIVE_INFINITY;
  let before = busyTime(reader.facts());
  const look = async (): Promise<void> => {
    const facts = reader.facts();
    const now = busyTime(facts);
    const settled = clock.nowMs() - loadToldMs >= LOAD_SETTLE_MS;
    const load = steadyLoad(loadBetween(before, now) ?? told?.load ?? 0, told?.load, settled);
    if (load !== told?.load) loadToldMs = clock.nowMs();
    before = now;
    const conditions = { ...(await readConditions(reader, facts)), load };
    if (stopped) return;
    if (!isSame(told, conditions)) {
      told = conditions;
      onChange(conditions);
    }
    cancel = clock.schedule(intervalMs, () => void look());
  };
  void look();
  return () => {
    stopped = true;
    cancel?.();
  };
}

async function readConditions(reader: MachineReader, { platform }: OperatingSystemFacts): Promise<Omit<Conditions, 'load'>> {
  if (platform === 'darwin') {
    const [battery, thermal, values] = await Promise.all([
      reader.run('/usr/bin/pmset', ['-g', 'batt']),
      reader.run('/usr/bin/notifyutil', ['-g', 'com.apple.system.thermalpressurelevel']),
      readSysctl(reader, ['kern.memorystatus_vm_pressure_level']),
    ]);
    return {
      power: parsePmset(battery ?? ''),
      thermalPressure: parseThermalPressure(thermal ?? ''),
      memoryPressure: macMemoryPressure(sysctlNumber(values, 'kern.memorystatus_vm_pressure_level')),
    };
  }
  const [power, thermalPressure, meminfo, pressure] = await Promise.all([
    readPowerSupply(reader),
    readThermal(reader),
    reader.readFile('/proc/meminfo'),
    reader.readFile('/proc/pressure/memory'),
  ]);
  return {
    power,
    thermalPressure,
    memoryPressure: linuxMemoryPressure(parseMeminfo(meminfo ?? ''), parsePressure(pressure ?? '')),
  };
}

/** The nearest step; the one told before while the load is still near it. */
function steadyLoad(load: number, told: number | undefined, settled: boolean): number {
  if (told !== undefined && Math.abs(load - told) < (settled ? LOAD_STEP : LOAD_JUMP)) return told;
  return Math.round(load / LOAD_STEP) / (1 / LOAD_STEP);
}

function isSame(a: Conditions | undefined, b: Conditions): boolean {
  return (
    a !== undefined &&
    a.load === b.load &&
    a.power.source === b.power.source &&
    a.power.batteryPercent === b.power.batteryPercent &&
    a.thermalPressure === b.thermalPressure &&
    a.memoryPressure === b.memoryPressure
  );
}
