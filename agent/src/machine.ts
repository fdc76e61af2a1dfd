import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

/** What the agent knows of the computer it runs on. */
export interface Machine {
  readonly chip: string;
  /** Physical cores that this process may use: a core's second thread adds nothing to matrix multiplication. */
  readonly cores: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** What models may take: the rest is the system's and other programs'. */
  readonly budgetBytes: number;
}

/** macOS lets the GPU wire about three quarters of unified memory. */
const MAC_BUDGET = 0.75;
/** Elsewhere a tenth is left to the system. */
const OTHER_BUDGET = 0.9;

export function readMachine(): Machine {
  const constrained = process.constrainedMemory();
  // A container's limit; without one the figure is 0 or beyond what there is.
  const totalBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return {
    chip: cpus()[0]?.model.trim() ?? process.arch,
    cores: Math.min(availableParallelism(), physicalCores() ?? Infinity),
    totalBytes,
    freeBytes: Math.min(freemem(), totalBytes),
    budgetBytes: totalBytes * (process.platform === 'darwin' ? MAC_BUDGET : OTHER_BUDGET),
  };
}

/** Linux tells which threads share a core; undefined elsewhere. */
function physicalCores(): number | undefined {
  try {
    const siblings = cpus().map((_, index) =>
      readFileSync(`/sys/devices/system/cpu/cpu${index}/topology/thread_siblings_list`, 'utf8').trim(),
    );
    return new Set(siblings).size;
  } catch {
    return undefined;
  }
}
