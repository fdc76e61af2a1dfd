import { Worker } from 'node:worker_threads';
import { MIB, systemClock, type Clock, workerFile } from '@pippa/core';
import type { CopyBenchData } from './copy-bench-data.ts';
import { bestRate, type CopySample } from './copy-rate.ts';

export interface MeasureMemoryBandwidthOptions {
  /** Threads that copy at once: one core alone does not fill the bus. */
  readonly threads: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** Past these nothing gets faster. */
const MAX_THREADS = 16;
/** Of each of a thread's two buffers: together far larger than any cache. */
const BUFFER_BYTES = 32 * MIB;
const SAMPLE_MS = 40;
const SAMPLES = 8;
/** The copying is over after a third of a second; on a busy machine it may take this long. */
const COPY_LIMIT_MS = 900;
/** Starting the threads takes some 50 ms, and far more while models are loaded. */
const START_LIMIT_MS = 4000;

/**
 * Bytes a second that all cores together read and write, by copying for less than a second; undefined when it could not be measured.
 * A copy of `n` bytes reads `n` and writes `n`, so that the bus carries twice the payload. Threads of their own do the copying: the
 * caller's stays free. Rejects with the signal's reason.
 */
export async function measureMemoryBandwidth({
  threads,
  clock = systemClock,
  signal,
}: MeasureMemoryBandwidthOptions): Promise<number | undefined> {
  signal?.throwIfAborted();
  const data: CopyBenchData = {
    bufferBytes: BUFFER_BYTES,
    copied: new SharedArrayBuffer(8),
    stop: new SharedArrayBuffer(4),
  };
  const count = new BigInt64Array(data.copied);
  const stopping = new AbortController();
  const stop = (): void => {
    Atomics.store(new Int32Array(data.stop), 0, 1);
    stopping.abort();
  };
  signal?.addEventListener('abort', stop, { once: true });
  let cancelLimit = clock.schedule(START_LIMIT_MS, stop);
  const workers = Array.from({ length: Math.max(1, Math.min(threads, MAX_THREADS)) }, () => startWorker(data));
  try {
    await Promise.race([Promise.all(workers.map(({ ready }) => ready)), aborted(stopping.signal)]);
    cancelLimit();
    cancelLimit = clock.schedule(COPY_LIMIT_MS, stop);
    const samples: CopySample[] = [];
    while (!stopping.signal.aborted && samples.length <= SAMPLES) {
      samples.push({ atMs: clock.nowMs(), bytes: Number(Atomics.load(count, 0)) });
      await pause(SAMPLE_MS, clock, stopping.signal);
    }
    signal?.throwIfAborted();
    return bestRate(samples);
  } finally {
    cancelLimit();
    signal?.removeEventListener('abort', stop);
    stop();
    await Promise.all(workers.map(({ ended }) => ended));
  }
}

/** `ready` never rejects: a thread that could not start (no memory) counts as ready, and copies nothing. */
function startWorker(data: CopyBenchData): { readonly ready: Promise<void>; readonly ended: Promise<void> } {
  const worker = new Worker(workerFile('copy-bench-worker', import.meta.url), { workerData: data, name: 'copy bench' });
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('error', () => undefined);
  const ready = new Promise<void>((resolve) => worker.once('message', () => resolve()));
  return { ready: Promise.race([ready, ended]), ended };
}

function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    const cancel = clock.schedule(delayMs, resolve);
    signal.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
