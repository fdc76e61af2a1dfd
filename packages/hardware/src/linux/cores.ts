import type { MachineReader } from '../machine-reader.ts';

/** `0-3,8,10-11` -> 0, 1, 2, 3, 8, 10, 11 (the kernel's list format). At most 4096 of them. */
export function parseCpuList(text: string): readonly number[] {
  const found: number[] = [];
  for (const part of text.trim().split(',')) {
    const [from, to = from] = part.split('-').map(Number);
    if (from === undefined || to === undefined || !Number.isInteger(from) || !Number.isInteger(to)) continue;
    for (let cpu = from; cpu <= to && found.length < 4096; cpu += 1) found.push(cpu);
  }
  return found;
}

/**
 * Physical cores of full speed: of the two threads of a core one counts, and on a hybrid processor the small cores do not. Undefined
 * when the kernel does not tell.
 */
export async function readPerformanceCores(reader: MachineReader, processorCount: number): Promise<number | undefined> {
  const all = Array.from({ length: Math.min(processorCount, 4096) }, (_, index) => index);
  // Intel's hybrids name their big cores; Arm's tell each one's capacity, the largest being 1024.
  const big = await reader.readFile('/sys/devices/cpu_core/cpus');
  const capacities = await Promise.all(all.map((cpu) => reader.readFile(`/sys/devices/system/cpu/cpu${cpu}/cpu_capacity`)));
  const largest = Math.max(...capacities.map((capacity) => Number(capacity ?? 0)));
  const chosen =
    big === undefined ? all.filter((cpu) => largest === 0 || Number(capacities[cpu]) >= largest * 0.75) : parseCpuList(big);
  const siblings = await Promise.all(
    chosen.map((cpu) => reader.readFile(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`)),
  );
  const cores = new Set(siblings.filter((list) => list !== undefined).map((list) => list.trim()));
  return cores.size === 0 ? undefined : cores.size;
}
