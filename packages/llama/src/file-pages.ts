import { readFileSync, realpathSync } from 'node:fs';
import { madvise } from './libc.ts';

export interface FileMapping {
  readonly start: number;
  readonly byteLength: number;
}

/**
 * Lets go of the pages of model files that loading has read: the engine maps a file, and computes with a copy of most of its weights that it
 * has repacked for the processor. What it does compute with comes back when it is touched. Linux alone; elsewhere it does nothing.
 */
export function releaseFilePages(paths: readonly string[]): void {
  if (process.platform !== 'linux') return;
  const mappings = mappingsOf(
    readFileSync('/proc/self/maps', 'utf8'),
    paths.map((path) => realpathSync(path)),
  );
  for (const { start, byteLength } of mappings) madvise(start, byteLength, 'dontNeed');
}

/** Where files are mapped for reading. `maps`: as /proc gives it. */
export function mappingsOf(maps: string, paths: readonly string[]): FileMapping[] {
  const wanted = new Set(paths);
  return maps.split('\n').flatMap((line): FileMapping[] => {
    const [, from = '', to = '', path = ''] = /^([\da-f]+)-([\da-f]+) r--[sp] \S+ \S+ \d+ +(.*)$/.exec(line) ?? [];
    if (!wanted.has(path)) return [];
    const start = Number.parseInt(from, 16);
    return [{ start, byteLength: Number.parseInt(to, 16) - start }];
  });
}
