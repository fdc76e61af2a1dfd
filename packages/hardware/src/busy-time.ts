import type { OperatingSystemFacts } from './machine-reader.ts';

/** What all processors have done since the machine started. */
export interface BusyTime {
  readonly busyMs: number;
  readonly totalMs: number;
}

export function busyTime({ processors }: OperatingSystemFacts): BusyTime {
  const busyMs = processors.reduce((sum, processor) => sum + processor.busyMs, 0);
  return { busyMs, totalMs: processors.reduce((sum, processor) => sum + processor.idleMs, busyMs) };
}

/** Busy share of the time between two looks, 0 .. 1; undefined when none has passed. */
export function loadBetween(before: BusyTime, now: BusyTime): number | undefined {
  const passed = now.totalMs - before.totalMs;
  return passed <= 0 ? undefined : Math.min(1, Math.max(0, (now.busyMs - before.busyMs) / passed));
}
