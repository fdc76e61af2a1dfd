import type { MachineReader } from '../machine-reader.ts';

/** `key: value` lines of `sysctl key ...`; keys that this system does not know are missing. */
export function parseSysctl(output: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of output.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 2).trim());
  }
  return values;
}

/** A whole number of `values`; undefined when the key is missing or holds something else. */
export function sysctlNumber(values: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = values.get(key);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

export async function readSysctl(reader: MachineReader, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return parseSysctl((await reader.run('/usr/sbin/sysctl', keys)) ?? '');
}
