import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Whoever still writes a file touches it more often, even where its bytes come from a slow peer; other agents may write here, too. */
const ABANDONED_AFTER_MS = 3_600_000;

/** Removes files that agents were killed over while they wrote them. `nowMs`: wall clock. What cannot be removed stays. */
export async function removeAbandonedParts(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => each.endsWith('.part'))) {
    const path = join(directory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && nowMs - facts.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true }).catch(() => {});
  }
}
