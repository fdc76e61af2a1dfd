import { KIB } from '@pippa/core';

export interface MemoryInfo {
  readonly totalBytes: number;
  /** What programs can get without swapping, as the kernel estimates it. */
  readonly availableBytes: number;
}

/** Of /proc/meminfo. */
export function parseMeminfo(text: string): MemoryInfo | undefined {
  const bytes = (label: string): number | undefined => {
    const found = new RegExp(`^${label}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    return found === undefined ? undefined : Number(found) * KIB;
  };
  const totalBytes = bytes('MemTotal');
  // Kernels before 3.14 lack the estimate.
  const availableBytes = bytes('MemAvailable') ?? bytes('MemFree');
  return totalBytes === undefined || availableBytes === undefined ? undefined : { totalBytes, availableBytes };
}
