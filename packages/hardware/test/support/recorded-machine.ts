import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { MachineReader, OperatingSystemFacts } from '../../src/machine-reader.ts';

const folder = new URL('../fixtures/', import.meta.url);

/** A Mac of which the outputs of its commands were recorded. */
export function recordedMac(name: string, facts: Partial<OperatingSystemFacts> = {}): MachineReader {
  return {
    facts: () => ({ ...nothing, platform: 'darwin', architecture: 'arm64', ...facts }),
    run: (command) => readFile(new URL(`${name}/${basename(command)}.txt`, folder), 'utf8').catch(() => undefined),
    readFile: async () => undefined,
    list: async () => [],
  };
}

/** A Linux machine of which files were recorded; `changes` puts others in their places. */
export async function recordedLinux(
  name: string,
  { facts = {}, changes = {} }: { readonly facts?: Partial<OperatingSystemFacts>; readonly changes?: Record<string, string> } = {},
): Promise<MachineReader> {
  const recorded = await readFile(new URL(`${name}.txt`, folder), 'utf8');
  const files = new Map<string, string>();
  for (const [, path = '', text = ''] of recorded.matchAll(/==> (\S+) <==\n([\s\S]*?\n)(?=\n==> |$)/g)) files.set(path, text);
  for (const [path, text] of Object.entries(changes)) files.set(path, text);
  return {
    facts: () => ({ ...nothing, platform: 'linux', architecture: 'x64', ...facts }),
    run: async () => undefined,
    readFile: async (path) => files.get(path),
    list: async (path) => {
      const inside = [...files.keys()].filter((file) => file.startsWith(`${path}/`));
      return [...new Set(inside.map((file) => file.slice(path.length + 1).split('/')[0] ?? ''))];
    },
  };
}

/** A machine that tells nothing. */
export const silentMachine: MachineReader = {
  facts: () => nothing,
  run: async () => undefined,
  readFile: async () => undefined,
  list: async () => [],
};

export const nothing: OperatingSystemFacts = {
  platform: 'linux',
  architecture: 'x64',
  hostName: 'box.local',
  processors: [],
  totalBytes: 8e9,
  freeBytes: 1e9,
  parallelism: 4,
  interfaces: {},
};
