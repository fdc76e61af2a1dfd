import { uptime } from 'node:os';
import { systemClock, type Clock } from '@pippa/core';
import type { MachineReader } from '../machine-reader.ts';
import { startProgram, type StartProgram } from '../program.ts';
import { systemReader } from '../system-reader.ts';
import { watchAway } from './away.ts';
import { watchLogind } from './logind.ts';
import type { SleepListener } from './sleep-events.ts';
import { watchWorkspace } from './workspace.ts';

export interface WatchSleepOptions {
  readonly reader?: MachineReader;
  readonly start?: StartProgram;
  readonly clock?: Clock;
  /** Since the machine was started, sleep included: milliseconds. */
  readonly uptimeMs?: () => number;
}

/** Who gives notice is asked again after so long, later each time: a bus that was restarted, a login that came later. */
const AGAIN_MS = 60_000;
const MAX_AGAIN_MS = 3_600_000;
/** Two sources tell of one waking. */
const ONE_WAKING_MS = 5000;

/**
 * Tells before the machine sleeps, where the system gives notice, and after it woke up, everywhere: a process that was stopped for
 * seconds counts as asleep. Returns how to stop.
 */
export function watchSleep(
  listener: SleepListener,
  {
    reader = systemReader,
    start = startProgram,
    clock = systemClock,
    // CLOCK_BOOTTIME on Linux, the wall clock since kern.boottime on macOS.
    uptimeMs = () => uptime() * 1000,
  }: WatchSleepOptions = {},
): () => void {
  let wokeMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  let againMs = AGAIN_MS;
  let stopNotices: (() => void) | undefined;
  let cancelRetry: (() => void) | undefined;
  const once: SleepListener = {
    onWillSleep: (notice) => listener.onWillSleep(notice),
    onDidWake() {
      const isSame = uptimeMs() - wokeMs < ONE_WAKING_MS;
      wokeMs = uptimeMs();
      if (!isSame) listener.onDidWake();
    },
  };
  const listen = (): void => {
    const { platform } = reader.facts();
    const notices = platform === 'darwin' ? watchWorkspace(once, { start }) : watchLogind(once, { start, reader });
    stopNotices = notices.stop.bind(notices);
    void notices.ended.then(() => {
      if (stopped) return;
      cancelRetry = clock.schedule(againMs, listen);
      againMs = Math.min(MAX_AGAIN_MS, againMs * 2);
    });
  };
  listen();
  const stopAway = watchAway({ clock, uptimeMs, onBack: () => once.onDidWake() });
  return () => {
    stopped = true;
    stopNotices?.();
    cancelRetry?.();
    stopAway();
  };
}
