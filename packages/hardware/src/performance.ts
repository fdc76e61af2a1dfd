import { systemClock, type Clock } from '@pippa/core';
import { appleChipFacts } from './apple-chips.ts';
import { busyTime, loadBetween } from './busy-time.ts';
import { estimateComputeRate } from './compute-rate.ts';
import type { HardwareFacts } from './hardware.ts';
import type { MachineReader } from './machine-reader.ts';
import { readGpuCores } from './mac/gpu-cores.ts';
import { rememberBandwidth, rememberedBandwidth } from './measurements.ts';
import { measureMemoryBandwidth } from './memory-bandwidth.ts';
import { systemReader } from './system-reader.ts';

/** How fast the machine is. */
export interface PerformanceFacts {
  /** Bytes a second from memory to where models are computed. */
  readonly memoryBandwidth: number;
  readonly bandwidthSource: 'published' | 'measured' | 'estimated';
  /** Floating-point operations a second in matrix products. */
  readonly computeRate: number;
  /** Of the GPU; undefined where the CPU computes. */
  readonly gpuCores: number | undefined;
  /** False when the machine was too busy: measured again later, it may show more. */
  readonly isSettled: boolean;
}

export interface ReadPerformanceOptions {
  readonly reader?: MachineReader;
  /** Where measurements are kept between starts. */
  readonly cachePath: string;
  readonly measure?: typeof measureMemoryBandwidth | undefined;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** Two channels of DDR4-2666: what a machine has at least, should it not be measurable. */
const FALLBACK_BANDWIDTH = 40e9;

/** How long the machine is watched before it is measured, and how busy it may be then. */
const WATCH_MS = 200;
const QUIET_LOAD = 0.3;

/**
 * Looks up what is published, and measures the rest, once for a chip: up to 2 s, none of it on the caller's thread. What a busy machine
 * measured is not remembered. Rejects with the signal's reason alone.
 */
export async function readPerformance(
  { chip, performanceCores }: HardwareFacts,
  { reader = systemReader, cachePath, measure = measureMemoryBandwidth, clock = systemClock, signal }: ReadPerformanceOptions,
): Promise<PerformanceFacts> {
  const gpuCores = appleChipFacts(chip) === undefined ? undefined : await readGpuCores(reader);
  signal?.throwIfAborted();
  const apple = appleChipFacts(chip, gpuCores);
  if (apple?.bandwidthSource === 'published') return { ...apple, bandwidthSource: 'published', isSettled: true };
  const key = `${chip} x ${performanceCores}`;
  const remembered = await rememberedBandwidth(cachePath, key);
  const isQuiet = remembered === undefined && (await seemsQuiet(reader, clock));
  const control = { clock, ...(signal === undefined ? {} : { signal }) };
  const measured = remembered ?? (await measure({ threads: performanceCores, ...control }));
  if (isQuiet && measured !== undefined) await rememberBandwidth(cachePath, key, measured);
  // The cores of a new Apple chip may not fill its bus; its GPU will do as well as the last one's at least.
  const bandwidth = Math.max(measured ?? 0, apple?.memoryBandwidth ?? 0);
  return {
    memoryBandwidth: bandwidth > 0 ? bandwidth : FALLBACK_BANDWIDTH,
    bandwidthSource: measured !== undefined && measured === bandwidth ? 'measured' : 'estimated',
    computeRate: apple?.computeRate ?? (await estimateComputeRate(reader, performanceCores)),
    gpuCores: apple?.gpuCores,
    isSettled: remembered !== undefined || (isQuiet && measured !== undefined),
  };
}

/** Whether nothing else runs that would take part of the bus. */
async function seemsQuiet(reader: MachineReader, clock: Clock): Promise<boolean> {
  const before = busyTime(reader.facts());
  await new Promise<void>((resolve) => void clock.schedule(WATCH_MS, resolve));
  return (loadBetween(before, busyTime(reader.facts())) ?? 0) < QUIET_LOAD;
}
