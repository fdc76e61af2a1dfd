import type { MachineReader } from './machine-reader.ts';

/**
 * Floating-point operations a second that a core reaches in llama.cpp's prompt processing on a CPU, by its vector width: about a
 * third of two fused multiply-adds a cycle at 3 GHz. Rough, as clocks differ by a factor of two.
 */
const A_CORE = { avx512: 60e9, avx2: 35e9, neon: 25e9, plain: 8e9 };

/** Estimates the rate of a machine that computes on its CPU. */
export async function estimateComputeRate(reader: MachineReader, cores: number): Promise<number> {
  const flags = /^(?:flags|Features)\s*: (.*)$/m.exec((await reader.readFile('/proc/cpuinfo')) ?? '')?.[1]?.split(' ') ?? [];
  if (flags.includes('avx512f')) return cores * A_CORE.avx512;
  if (flags.includes('avx2')) return cores * A_CORE.avx2;
  return cores * (reader.facts().architecture === 'arm64' ? A_CORE.neon : A_CORE.plain);
}
