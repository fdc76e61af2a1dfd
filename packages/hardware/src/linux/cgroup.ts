import type { MachineReader } from '../machine-reader.ts';

const ROOT = '/sys/fs/cgroup';
/** Deepest nesting that is followed. */
const MAX_DEPTH = 16;

/**
 * The tightest memory limit that this process lives under, in bytes; undefined without one. Every group above it limits it too
 * (https://docs.kernel.org/admin-guide/cgroup-v2.html; v1 has a hierarchy of its own for memory).
 */
export async function readMemoryLimit(reader: MachineReader): Promise<number | undefined> {
  const lines = ((await reader.readFile('/proc/self/cgroup')) ?? '').trim().split('\n');
  const limits: number[] = [];
  for (const line of lines) {
    const [, controllers, ...rest] = line.split(':');
    const path = rest.join(':');
    const files =
      controllers === ''
        ? { root: ROOT, name: 'memory.max' }
        : controllers?.split(',').includes('memory') === true
          ? { root: `${ROOT}/memory`, name: 'memory.limit_in_bytes' }
          : undefined;
    if (files === undefined) continue;
    for (const group of withParents(path)) {
      const text = (await reader.readFile(`${files.root}${group}/${files.name}`))?.trim();
      if (text !== undefined && /^\d+$/.test(text)) limits.push(Number(text));
    }
  }
  const lowest = Math.min(...limits);
  // v1 writes "no limit" as the largest number of pages.
  return lowest < 2 ** 60 ? lowest : undefined;
}

/** `/a/b` -> `/a/b`, `/a`, and the root. In a container the path may be the host's: only the root is there then. */
function withParents(path: string): string[] {
  const parts = path
    .split('/')
    .filter((part) => part !== '' && part !== '..')
    .slice(0, MAX_DEPTH);
  return Array.from({ length: parts.length + 1 }, (_, index) => {
    const kept = parts.slice(0, parts.length - index);
    return kept.length === 0 ? '' : `/${kept.join('/')}`;
  });
}
