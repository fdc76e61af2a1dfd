import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundFile } from './found-file.ts';
import { foundFiles, globFiles } from './scan-folder.ts';
import type { ModelPlace } from './places.ts';

/** `models--owner--name/snapshots/revision/[folder/]file.gguf`, each file a link into `blobs`. */
const PATTERNS = ['models--*/snapshots/*/*.gguf', 'models--*/snapshots/*/*/*.gguf'];

/** Models in a cache of Hugging Face's tools. Revisions that share a file give it once. */
export async function scanHuggingFace(place: ModelPlace): Promise<FoundFile[]> {
  const seen = new Set<string>();
  const paths: string[] = [];
  for (const path of await globFiles(place.directory, PATTERNS)) {
    // A link whose blob was deleted is no model.
    const target = await realpath(join(place.directory, path)).catch(() => undefined);
    if (target === undefined || seen.has(target)) continue;
    seen.add(target);
    paths.push(path);
  }
  return foundFiles(place, paths, (path) => {
    const [, owner, ...rest] = (path.split('/')[0] ?? '').split('--');
    return owner === undefined || rest.length === 0 ? undefined : { owner, name: rest.join('--') };
  });
}
