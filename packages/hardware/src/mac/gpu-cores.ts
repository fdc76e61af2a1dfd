import type { MachineReader } from '../machine-reader.ts';

/** Cores of the largest GPU in the output of `system_profiler SPDisplaysDataType -json`; undefined for those that do not tell. */
export function parseGpuCores(output: string): number | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    return undefined;
  }
  const displays = typeof parsed === 'object' && parsed !== null && 'SPDisplaysDataType' in parsed ? parsed.SPDisplaysDataType : [];
  const cores = (Array.isArray(displays) ? displays : []).flatMap((display: unknown) => {
    const text = typeof display === 'object' && display !== null && 'sppci_cores' in display ? display.sppci_cores : undefined;
    return typeof text === 'string' && /^\d+$/.test(text) ? [Number(text)] : [];
  });
  return cores.length === 0 ? undefined : Math.max(...cores);
}

/** Takes 0.2 to 2 s. */
export async function readGpuCores(reader: MachineReader): Promise<number | undefined> {
  return parseGpuCores((await reader.run('/usr/sbin/system_profiler', ['SPDisplaysDataType', '-json'])) ?? '');
}
