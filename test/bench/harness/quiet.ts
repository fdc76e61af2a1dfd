import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Others' share of the machine below which a measurement counts as undisturbed. */
export const QUIET_SHARE = 0.04;
const POLL_MS = 150;
const MAX_TRIES = 5;

/** Milliseconds of processor time that all programs together have used since the machine started, stolen time of a virtual one included. */
function busyMs(): number {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] =
      /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? [];
    return (user + nice + system + irq + softIrq + steal) * 10;
  } catch {
    return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  }
}

function ownMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds that this process's threads were ready to run but had no core, all together (Linux; 0 elsewhere). */
export function waitedForCoreMs(): number {
  try {
    const waits = readdirSync('/proc/self/task').map(
      (task) => readFileSync(`/proc/self/task/${task}/schedstat`, 'utf8').split(' ')[1],
    );
    return waits.reduce((sum, nanoseconds) => sum + Number(nanoseconds) / 1e6, 0);
  } catch {
    return 0;
  }
}

/** Watches what others do with the machine while something is measured. */
export class Disturbance {
  readonly #ours: () => number;
  readonly #startedMs = performance.now();
  readonly #busyMs = busyMs();
  readonly #ownMs: number;

  /** `ours`: processor milliseconds of this run's other processes. */
  constructor(ours: () => number) {
    this.#ours = ours;
    this.#ownMs = ownMs() + ours();
  }

  /** Others' share of all processors since the start, 0 .. 1. */
  share(): number {
    const wallMs = performance.now() - this.#startedMs;
    const foreignMs = busyMs() - this.#busyMs - (ownMs() + this.#ours() - this.#ownMs);
    return Math.max(0, foreignMs) / (wallMs * availableParallelism());
  }
}

export interface Quietness {
  /** Processor milliseconds of this run's other processes. */
  readonly ours: () => number;
  /** How long to wait for silence, and to measure again when it was broken. */
  readonly patienceMs: number;
}

/**
 * Measures while others leave the machine alone, as well as that can be had: waits a while for silence, and measures again when it
 * was broken. Which try counts is decided by what others did, never by what was measured.
 */
export async function measureQuietly(
  measure: () => Promise<number> | number,
  { ours, patienceMs }: Quietness,
): Promise<{ readonly value: number; readonly share: number }> {
  const deadline = performance.now() + patienceMs;
  let quietest: { value: number; share: number } | undefined;
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    await silence(ours, deadline);
    const disturbance = new Disturbance(ours);
    const value = await measure();
    const share = disturbance.share();
    if (quietest === undefined || share < quietest.share) quietest = { value, share };
    if (quietest.share <= QUIET_SHARE || performance.now() >= deadline) break;
  }
  return quietest ?? { value: Number.NaN, share: 1 };
}

async function silence(ours: () => number, deadline: number): Promise<void> {
  while (performance.now() < deadline) {
    const disturbance = new Disturbance(ours);
    await sleep(POLL_MS);
    if (disturbance.share() < 2 * QUIET_SHARE) return;
  }
}
