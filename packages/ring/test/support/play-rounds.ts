import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RoundReport } from './simulation.ts';

export interface PlayedRounds {
  readonly rounds: number;
  readonly seconds: number;
  readonly faults: number;
  readonly recoveries: number;
  /** Rounds in which a ring was mended or another one took over. */
  readonly withRecovery: number;
  readonly tokens: number;
  /** The rounds in which something went wrong, by seed. */
  readonly failed: readonly RoundReport[];
}

/** Failed rounds after which no more are played: they all have the same reason. */
const MAX_FAILED = 20;

/** What a thread is told to play: seeds `first`, `first + step` ... below `end`. */
export interface RoundsOrder {
  readonly first: number;
  readonly step: number;
  readonly end: number;
  readonly hasLatency: boolean;
}

export interface RoundsToPlay {
  /** The first seed. */
  readonly first: number;
  readonly count: number;
  /** As for `simulateRound`. */
  readonly hasLatency?: boolean;
}

/** Plays the rounds with these seeds, on all cores. */
export async function playRounds({ first, count, hasLatency = true }: RoundsToPlay): Promise<PlayedRounds> {
  const threads = Math.min(count, availableParallelism());
  const reports: RoundReport[] = [];
  const failed: RoundReport[] = [];
  const workers: Worker[] = [];
  const beganMs = performance.now();
  const done = Array.from({ length: threads }, async (_, index) => {
    const order: RoundsOrder = { first: first + index, step: threads, end: first + count, hasLatency };
    const worker = new Worker(new URL('simulation-worker.ts', import.meta.url), { workerData: order });
    workers.push(worker);
    worker.on('message', (report: RoundReport) => {
      reports.push(report);
      if (report.wrong.length > 0) failed.push(report);
      if (failed.length >= MAX_FAILED) for (const each of workers) void each.terminate();
    });
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  });
  await Promise.all(done);
  const sum = (of: (report: RoundReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  return {
    rounds: reports.length,
    seconds: (performance.now() - beganMs) / 1000,
    faults: sum((report) => report.faults.length),
    recoveries: sum((report) => report.recoveries),
    withRecovery: sum((report) => Math.min(1, report.recoveries)),
    tokens: sum((report) => report.tokens),
    failed: failed.toSorted((a, b) => a.seed - b.seed),
  };
}
