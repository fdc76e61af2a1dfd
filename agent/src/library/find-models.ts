import { glob } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Most model files that one folder is searched for. */
const MAX_FILES = 10_000;
/** Parts of a split model after the first; the first stands for all. */
const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i;

/** Folder below a model folder, at any of these depths: `author/repository/file.gguf`. */
const PATTERNS = ['*.gguf', '*/*.gguf', '*/*/*.gguf'];

/** GGUF files in the folders, in their order and by name; a folder that is not there holds none. */
export async function findModelFiles(directories: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const directory of directories) {
    const here: string[] = [];
    for await (const path of glob(PATTERNS, { cwd: directory })) {
      if (!LATER_PART.test(path)) here.push(join(directory, path));
      if (here.length >= MAX_FILES) break;
    }
    for (const path of here.toSorted((a, b) => a.localeCompare(b))) found.add(path);
  }
  return [...found];
}

/** Name under which a file's model is asked for: its stem, without the part numbers of a split one. */
export function modelNameOf(path: string): string {
  return basename(path).replace(/(-00001-of-\d{5})?\.gguf$/i, '');
}
