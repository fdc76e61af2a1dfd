import type { NodeCard } from '@pippa/core';
import type { MemoryInfo } from './meminfo.ts';

/** Share of the last 10 s in which some task, or all of them, waited for memory; 0 .. 100. */
export interface MemoryStalls {
  readonly some: number;
  readonly full: number;
}

/** Of /proc/pressure/memory (https://docs.kernel.org/accounting/psi.html). */
export function parsePressure(text: string): MemoryStalls | undefined {
  const average = (kind: string): number | undefined => {
    const found = new RegExp(`^${kind} avg10=([\\d.]+)`, 'm').exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const some = average('some');
  return some === undefined ? undefined : { some, full: average('full') ?? 0 };
}

/** Past these shares of stalled time a machine feels slow, or does little else. */
const STALLS = { warning: 10, critical: 10 };
/** The page cache is too small to hold the programs in use below these shares of available memory. */
const AVAILABLE = { warning: 0.1, critical: 0.04 };

export function memoryPressureOf(memory: MemoryInfo | undefined, stalls: MemoryStalls | undefined): NodeCard['memoryPressure'] {
  if (memory === undefined && stalls === undefined) return 'unknown';
  const available = memory === undefined ? 1 : memory.availableBytes / memory.totalBytes;
  if (available < AVAILABLE.critical || (stalls?.full ?? 0) >= STALLS.critical) return 'critical';
  return available < AVAILABLE.warning || (stalls?.some ?? 0) >= STALLS.warning ? 'warning' : 'normal';
}
