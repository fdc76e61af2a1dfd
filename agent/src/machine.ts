import { readHardware, type HardwareFacts } from '@pippa/hardware';

/** What the agent knows of the computer it runs on. */
export interface Machine {
  /** What people call it. */
  readonly name: string;
  /** `darwin-arm64`, `linux-x64`, ... */
  readonly platform: string;
  readonly chip: string;
  /** Physical cores of full speed that this process may use: a core's second thread adds nothing to matrix multiplication. */
  readonly cores: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** What models may take: the rest is the system's and other programs'. */
  readonly budgetBytes: number;
  /** All of it as it was read. */
  readonly hardware: HardwareFacts;
}

/** Takes a few milliseconds: it stands before the banner. */
export async function readMachine(): Promise<Machine> {
  const hardware = await readHardware();
  const { name, platform, chip, memory, performanceCores } = hardware;
  return {
    name,
    platform,
    chip,
    cores: performanceCores,
    totalBytes: memory.totalBytes,
    freeBytes: memory.availableBytes,
    budgetBytes: memory.budgetBytes,
    hardware,
  };
}
