import { randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SpillFile } from '@pippa/ring';

/** A file without a name: it has none from the beginning, so that nothing is left of it however the agent ends. */
export async function openSpillFile(directory: string): Promise<SpillFile> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${randomUUID()}.rows`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path, { force: true });
  return {
    async write(bytes, at) {
      for (let written = 0; written < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written);
        written += bytesWritten;
      }
    },
    async read(target, at) {
      const { bytesRead } = await file.read(target, 0, target.length, at);
      if (bytesRead < target.length) throw new Error(`The file of a journal ended after ${at + bytesRead} bytes.`);
    },
    close: () => file.close(),
  };
}
