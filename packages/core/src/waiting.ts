/** Waits for the promise, but no longer than until the signal is given. Throws what it rejects with, or the signal's reason. */
export async function untilSettledOrAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Settles when the first of `begin` calls back or the signal is given, and undoes them all. Each begins to wait for something and returns
 * how to stop that, as `Clock.schedule` and `Mesh.onPeersChanged` do. Never throws: whoever cares looks at the signal.
 */
export async function untilFirst(signal: AbortSignal, begin: readonly ((done: () => void) => () => void)[]): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  const undo = begin.map((each) => each(() => resolve()));
  await promise;
  for (const each of undo) each();
  signal.removeEventListener('abort', onAbort);
}
