/** Entry of a thread that hashes whole files, one after the other: see `hash-files.ts`. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { lowerPriority } from '../threads/lower-priority.ts';

const buffer = new Uint8Array(4 * 1024 * 1024);

function digestOf(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const bytes = readSync(file, buffer, 0, buffer.length, null);
      if (bytes === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytes));
    }
  } finally {
    closeSync(file);
  }
}

lowerPriority();
parentPort?.on('message', (paths: readonly string[]) => {
  parentPort?.postMessage(paths.map(digestOf));
});
