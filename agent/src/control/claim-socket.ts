import { randomUUID } from 'node:crypto';
import { link, rename, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { AgentAlreadyRunningError } from '../errors.ts';

/** A socket that takes connections is live: its process runs, if perhaps stopped. */
export function isLive(socketPath: string): Promise<boolean> {
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

/**
 * Makes `server` listen at `socketPath`, readable and writable by this user alone. What an agent that was killed left there is
 * replaced. Throws `AgentAlreadyRunningError`, and what listening throws.
 */
export async function claimSocket(server: Server, socketPath: string): Promise<void> {
  try {
    await listen(server, socketPath);
  } catch (error) {
    if (!isCode(error, 'EADDRINUSE')) throw error;
    await removeStale(socketPath);
    try {
      await listen(server, socketPath);
    } catch (again) {
      throw isCode(again, 'EADDRINUSE') ? new AgentAlreadyRunningError(socketPath) : again;
    }
  }
}

/**
 * Of several agents that start at once over a dead one's socket, one must win. Each moves the file away under a name of its own and
 * looks at what it caught: the winner's fresh socket is put back.
 */
async function removeStale(socketPath: string): Promise<void> {
  if (await isLive(socketPath)) throw new AgentAlreadyRunningError(socketPath);
  const caught = `${socketPath}.${randomUUID().slice(0, 8)}`;
  try {
    const before = await stat(socketPath);
    await rename(socketPath, caught);
    const after = await stat(caught);
    if (before.ino === after.ino && before.birthtimeMs === after.birthtimeMs && !(await isLive(caught))) {
      await unlink(caught);
      return;
    }
    await link(caught, socketPath);
    await unlink(caught);
  } catch (error) {
    // Another agent was faster at clearing it away.
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  throw new AgentAlreadyRunningError(socketPath);
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
