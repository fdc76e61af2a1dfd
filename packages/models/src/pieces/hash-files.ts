import { untilSettledOrAborted, workerFile } from '@pippa/core';
import { Thread } from '../threads/thread.ts';

/** SHA-256 of whole files, hexadecimal, in their order. Rejects with what reading throws, or the signal's reason. */
export async function hashFiles(paths: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const thread = new Thread<readonly string[], readonly string[]>(workerFile('hash-file-worker', import.meta.url), {
    onReport: resolve,
    onGone: reject,
  });
  try {
    thread.hold(true);
    thread.post(paths);
    return await untilSettledOrAborted(promise, signal);
  } finally {
    promise.catch(() => {});
    thread.stop();
  }
}
