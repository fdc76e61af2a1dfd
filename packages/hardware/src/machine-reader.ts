import type { NetworkInterfaceInfo } from 'node:os';

/** What Node itself knows of the machine. */
export interface OperatingSystemFacts {
  readonly platform: NodeJS.Platform;
  /** `arm64`, `x64` */
  readonly architecture: string;
  readonly hostName: string;
  readonly processors: readonly ProcessorTimes[];
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Threads that this process may use at once. */
  readonly parallelism: number;
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

/** One logical processor: its name and the milliseconds it has spent since the machine started. */
export interface ProcessorTimes {
  readonly model: string;
  readonly busyMs: number;
  readonly idleMs: number;
}

/** The machine as this package sees it: a test brings recorded files and outputs. */
export interface MachineReader {
  facts(): OperatingSystemFacts;
  /** What the command writes to stdout, whatever its exit code; undefined when it cannot be run or does not end in time. */
  run(command: string, words: readonly string[]): Promise<string | undefined>;
  /** A small text file; undefined when it is not there or cannot be read. */
  readFile(path: string): Promise<string | undefined>;
  /** Names in a folder; empty when it is not there. */
  list(path: string): Promise<readonly string[]>;
}
