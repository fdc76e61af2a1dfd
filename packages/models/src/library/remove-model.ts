import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NotOwnModelError } from '../errors.ts';
import { fileStamp } from './file-stamp.ts';
import type { LibraryEntry } from './library-entry.ts';
import { isProjectorPath } from './model-naming.ts';
import { PLACE_LABELS, type PlaceKind } from './places.ts';
import { forgetStatedSha256 } from './stated-hash.ts';

/** How a model is removed by the tool that keeps it. */
const HINTS: Readonly<Partial<Record<PlaceKind, (name: string) => string>>> = {
  ollama: (name) => `Remove it there: ollama rm ${name}`,
  'lm-studio': () => 'Remove it in LM Studio, under My Models.',
  'hugging-face': () => 'Remove it with: hf cache rm',
};

/**
 * Deletes the model's files from the agent's own folder and gives the bytes that were freed. Throws `NotOwnModelError` for a model that
 * lies anywhere else: other tools' files and folders that the user named are never touched.
 */
export async function removeModel(entry: LibraryEntry): Promise<number> {
  const { place, name, paths } = entry;
  if (place.kind !== 'own') {
    throw new NotOwnModelError(
      `${name} is not the agent's own: it lies in ${paths[0] ?? place.directory} (${PLACE_LABELS[place.kind]}).`,
      {
        hint: HINTS[place.kind]?.(name) ?? 'Delete the file yourself if you mean to.',
      },
    );
  }
  let freed = 0;
  for (const path of paths) {
    freed += (await fileStamp(path))?.bytes ?? 0;
    await rm(path, { force: true });
    await forgetStatedSha256(path);
  }
  const folder = dirname(paths[0] ?? place.directory);
  if (folder !== place.directory) freed += await removeLonelyProjectors(folder);
  await removeEmptyFolders(folder, place.directory);
  return freed;
}

/** Projectors whose last model has gone: nothing would ever name them again. */
async function removeLonelyProjectors(folder: string): Promise<number> {
  const files = (await readdir(folder).catch((): string[] => [])).filter((file) => /\.gguf$/i.test(file));
  if (!files.every(isProjectorPath)) return 0;
  let freed = 0;
  for (const path of files.map((file) => join(folder, file))) {
    freed += (await fileStamp(path))?.bytes ?? 0;
    await rm(path, { force: true });
    await forgetStatedSha256(path);
  }
  return freed;
}

/** The folders of author and repository, once nothing is in them. */
async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let current = folder; current.length > root.length && current.startsWith(root); current = dirname(current)) {
    try {
      await rmdir(current);
    } catch {
      return;
    }
  }
}
