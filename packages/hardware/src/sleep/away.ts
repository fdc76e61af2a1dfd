import type { Clock } from '@pippa/core';

/** Longer than a mesh waits for a node that does not answer. */
const AWAY_MS = 5000;
const LOOK_MS = 1000;

export interface AwayParts {
  readonly clock: Pick<Clock, 'schedule'>;
  /** Since the machine was started, sleep included: milliseconds. */
  readonly uptimeMs: () => number;
  /** It stood still for so long: it slept, or the process was stopped. */
  readonly onBack: (awayMs: number) => void;
}

/** Notices afterwards that time went by without this process: a look that comes much too late says so. Returns how to stop. */
export function watchAway({ clock, uptimeMs, onBack }: AwayParts): () => void {
  let cancel: () => void;
  const lookLater = (): void => {
    const sinceMs = uptimeMs();
    cancel = clock.schedule(LOOK_MS, () => {
      const lateMs = uptimeMs() - sinceMs - LOOK_MS;
      lookLater();
      if (lateMs >= AWAY_MS) onBack(lateMs);
    });
  };
  lookLater();
  return () => cancel();
}
