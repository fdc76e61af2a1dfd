import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenFiles } from './mesh-node-messages.ts';

/** What this process has open; undefined where there is no `/proc`. */
export async function openFiles(): Promise<OpenFiles | undefined> {
  try {
    const numbers = await readdir('/proc/self/fd');
    // The one that the folder was read through is gone by now.
    const links = await Promise.all(numbers.map((number) => readlink(join('/proc/self/fd', number)).catch(() => '')));
    const there = links.filter((link) => link !== '');
    return {
      sockets: there.filter((link) => link.startsWith('socket:')).length,
      nameless: there.filter((link) => link.endsWith('.rows (deleted)')).length,
      all: there.length,
      threads: (await readdir('/proc/self/task')).length,
    };
  } catch {
    return undefined;
  }
}
