import { mayHaveCuda } from '@pippa/llama/cuda-package';
import { readHardware, withGraphicsCards, type EngineDevice, type HardwareFacts } from '@pippa/hardware';

/** What the agent knows of the computer it runs on. */
export interface Machine {
  /** What people call it. */
  readonly name: string;
  /** `darwin-arm64`, `linux-x64`, ... */
  readonly platform: string;
  readonly chip: string;
  /** What models run on where that is not the processor or Metal: `CUDA`. */
  readonly backend?: string;
  /** Physical cores of full speed that this process may use: a core's second thread adds nothing to matrix multiplication. */
  readonly cores: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** What models may take: the rest is the system's and other programs'. */
  readonly budgetBytes: number;
  /** All of it as it was read. */
  readonly hardware: HardwareFacts;
}

/** Takes a few milliseconds, and as long as the engine takes to find them where there may be graphics cards: it stands before the banner. */
export async function readMachine(listCards: () => Promise<readonly EngineDevice[]> = graphicsCards): Promise<Machine> {
  const [facts, cards] = await Promise.all([readHardware(), listCards()]);
  const hardware = withGraphicsCards(facts, cards);
  const { name, platform, chip, backend, memory, performanceCores } = hardware;
  return {
    name,
    platform,
    chip,
    ...(backend === undefined ? {} : { backend }),
    cores: performanceCores,
    totalBytes: memory.totalBytes,
    freeBytes: memory.availableBytes,
    budgetBytes: memory.budgetBytes,
    hardware,
  };
}

async function graphicsCards(): Promise<readonly EngineDevice[]> {
  // The engine takes a good part of a second to load: not for machines that have none of its GPU libraries.
  if (!mayHaveCuda()) return [];
  try {
    const { computeDevices, hasCudaBackend } = await import('@pippa/llama');
    return hasCudaBackend() ? computeDevices() : [];
  } catch {
    // Without libraries nothing runs here; whoever wants to load a model is told so.
    return [];
  }
}
