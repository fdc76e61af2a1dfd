import { readFileSync } from 'node:fs';

/** Bytes, of one process (Linux). */
export interface ProcessMemory {
  readonly resident: number;
  /** With no file behind it: the process's own. */
  readonly anonymous: number;
  /** Pages of files whose name has `files` in it. */
  readonly ofFiles: number;
}

/** `files`: part of the names of those to count on their own. */
export function processMemory(processId: number, files: string): ProcessMemory {
  const entries = readFileSync(`/proc/${processId}/smaps`, 'utf8').split(/^(?=[\da-f]+-[\da-f]+ )/m);
  let [resident, anonymous, ofFiles] = [0, 0, 0];
  for (const entry of entries) {
    const here = bytesOf(entry, 'Rss');
    resident += here;
    anonymous += bytesOf(entry, 'Anonymous');
    if (entry.slice(0, entry.indexOf('\n')).includes(files)) ofFiles += here;
  }
  return { resident, anonymous, ofFiles };
}

function bytesOf(entry: string, key: string): number {
  return Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(entry)?.[1] ?? 0) * 1024;
}
