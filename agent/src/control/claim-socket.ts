import { mkdir, rmdir, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { AgentAlreadyRunningError } from '../errors.ts';

/** A socket that takes connections is live: its process runs, if perhaps stopped. */
function isLive(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (live: boolean): void => {
      socket.destroy();
      resolve(live);
    };
    socket.once('connect', () => settle(true));
    // A full backlog is somebody's too; refused and missing are nobody's.
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'EAGAIN'));
  });
}

/** The claim takes milliseconds; a lock this old was left by a process that ended in the middle of one. */
const LOCK_STALE_MS = 5000;
const LOCK_RETRY_MS = 20;

/**
 * Makes `server` listen at `socketPath`, readable and writable by this user alone. What an agent that was killed left there is
 * replaced. Of several agents that start at once one wins. Throws `AgentAlreadyRunningError`, and what listening throws.
 */
export async function claimSocket(server: Server, socketPath: string): Promise<void> {
  const lock = `${socketPath}.lock`;
  await acquire(lock);
  try {
    if (await isLive(socketPath)) throw new AgentAlreadyRunningError(socketPath);
    await removeSocket(socketPath);
    await listen(server, socketPath);
  } finally {
    await rmdir(lock).catch(() => undefined);
  }
}

/**
 * Not `rm`: it looks at the file before, and Node 22 takes what it saw of a socket for the next module's path, too, when that one leads
 * over a link (`realpathSync` reads the last `stat` of anybody): in the repository nothing of the engine could be imported any more.
 */
async function removeSocket(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

/** A folder is made by one process or another, never by both. */
async function acquire(lock: string): Promise<void> {
  for (;;) {
    try {
      await mkdir(lock);
      return;
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
    }
    const made = await stat(lock).catch(() => undefined);
    if (made !== undefined && Date.now() - made.mtimeMs > LOCK_STALE_MS) await rmdir(lock).catch(() => undefined);
    else await setTimeout(LOCK_RETRY_MS);
  }
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(error);
    server.once('error', failed);
    // Node binds within the call, so that the file never has wider permissions than these.
    const mask = process.umask(0o177);
    try {
      server.listen(socketPath, () => {
        server.off('error', failed);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
