import { glob } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAX_FILES_PER_PLACE, type FoundFile } from './found-file.ts';
import { isProjectorPath, namesOfFile, type ModelNames, type Repository } from './model-naming.ts';
import { originOfPath } from './origin-of-path.ts';
import type { ModelPlace } from './places.ts';

/** Folder below a model folder, at any of these depths: `author/repository/file.gguf`. */
const PATTERNS = ['*.gguf', '*/*.gguf', '*/*/*.gguf'];
/** Parts of a split model after the first; the first stands for all. */
const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i;

/** Models in a plain folder, by name; a folder that is not there holds none. */
export async function scanFolder(place: ModelPlace): Promise<FoundFile[]> {
  return foundFiles(place, await globFiles(place.directory, PATTERNS), repositoryOf);
}

/** Paths below `directory`, relative to it and sorted. */
export async function globFiles(directory: string, patterns: readonly string[]): Promise<string[]> {
  const paths = new Set<string>();
  for await (const path of glob(patterns, { cwd: directory })) {
    paths.add(path.replaceAll('\\', '/'));
    if (paths.size >= MAX_FILES_PER_PLACE) break;
  }
  return [...paths].toSorted((a, b) => a.localeCompare(b));
}

/** Models of GGUF files: later parts fall away, projectors go to the models of their folder. */
export function foundFiles(
  place: ModelPlace,
  paths: readonly string[],
  repositoryOfPath: (path: string) => Repository | undefined,
): FoundFile[] {
  const projectors = new Map<string, string>();
  for (const path of paths) if (isProjectorPath(path) && !projectors.has(dirname(path))) projectors.set(dirname(path), path);
  return paths
    .filter((path) => !LATER_PART.test(path) && !isProjectorPath(path))
    .map((path) => {
      const projector = projectors.get(dirname(path));
      const origin = originOfPath(place, path);
      return {
        ...(origin === undefined ? {} : { origin }),
        ...((place.kind === 'own' ? pulledFromOllama(path) : undefined) ?? namesOfFile(path, repositoryOfPath(path))),
        place,
        path: join(place.directory, path),
        ...(projector === undefined ? {} : { projectorPath: join(place.directory, projector) }),
      };
    });
}

/** `ollama/<[namespace@]model>/<tag>.gguf`: where `pull` puts what it gets from Ollama's registry. */
function pulledFromOllama(path: string): ModelNames | undefined {
  const [, model = '', tag = ''] = /^ollama\/([^/]+)\/([^/]+)\.gguf$/i.exec(path) ?? [];
  if (model === '') return undefined;
  const short = model.replace('@', '/');
  return { name: `${short}:${tag}`, aliases: tag === 'latest' ? [short] : [] };
}

/** `owner/repository/file.gguf`, as LM Studio and `pippa-agent pull` lay files out. */
function repositoryOf(path: string): Repository | undefined {
  const [owner, name, file] = path.split('/');
  return owner === undefined || name === undefined || file === undefined ? undefined : { owner, name };
}
