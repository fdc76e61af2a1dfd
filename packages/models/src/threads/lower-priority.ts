import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Enough that a thread of the engine that wants the core gets nine tenths of it. */
const NICENESS = 10;

/**
 * Has the calling thread give way to others: moving models must not slow down those that compute. Linux keeps a priority for each thread;
 * elsewhere it is the process's, and stays.
 */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (thread > 0 && thread !== process.pid) setPriority(thread, NICENESS);
  } catch {
    // Without /proc it goes on as it is.
  }
}
