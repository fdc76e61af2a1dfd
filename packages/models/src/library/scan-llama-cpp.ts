import { namesOfFile } from './model-naming.ts';
import type { FoundFile } from './found-file.ts';
import type { ModelPlace } from './places.ts';
import { foundFiles, globFiles } from './scan-folder.ts';

/** `owner_repository-GGUF_file.gguf`; the repository's name may hold underscores, so only the usual suffix ends it for sure. */
const FLAT_NAME = /^([^_]+)_(.+?[-_.]GGUF|[^_]+)_(.+\.gguf)$/i;

/** Models that llama.cpp downloaded: one flat folder. */
export async function scanLlamaCpp(place: ModelPlace): Promise<FoundFile[]> {
  const found = foundFiles(place, await globFiles(place.directory, ['*.gguf']), () => undefined);
  return found.map((file) => {
    const flat = FLAT_NAME.exec(file.path.slice(place.directory.length + 1));
    if (flat === null) return file;
    const [, owner = '', name = '', rest = ''] = flat;
    const names = namesOfFile(rest, { owner, name });
    return { ...file, name: names.name, aliases: [...names.aliases, ...file.aliases] };
  });
}
