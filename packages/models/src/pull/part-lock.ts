import { open, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { AlreadyPullingError } from '../errors.ts';

/**
 * Keeps two pulls of one file apart, of this process and of others: a file beside the part that names the process. One whose process is
 * gone counts for nothing. Throws `AlreadyPullingError`; the returned function gives the lock back.
 */
export async function lockPart(target: string): Promise<() => Promise<void>> {
  const path = `${target}.part.lock`;
  for (let isRetried = false; ; isRetried = true) {
    try {
      const handle = await open(path, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const holder = Number(await readFile(path, 'utf8').catch(() => ''));
      if (isRetried || isAlive(holder)) {
        throw new AlreadyPullingError(`${basename(target)} is being pulled already${holder > 0 ? ` (process ${holder})` : ''}.`, {
          cause: error,
          hint: 'Wait for it, or stop it and run the command again.',
        });
      }
      await rm(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is one too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
