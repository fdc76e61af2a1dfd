import { readGgufModel } from '@pippa/gguf';
import type { BrokenFile } from '@pippa/models';
import { UnusableModelError } from '../errors.ts';

/** The library keeps a sentence of it; the error itself says what to do too. */
export async function whyBroken(entry: BrokenFile, signal: AbortSignal): Promise<UnusableModelError> {
  const path = entry.paths[0] ?? entry.name;
  try {
    await readGgufModel(path, { signal });
  } catch (error) {
    return new UnusableModelError(path, error);
  }
  return new UnusableModelError(path, entry.error);
}
