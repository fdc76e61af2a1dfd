import type { FoundFile } from './found-file.ts';
import type { ModelPlace } from './places.ts';
import { scanFolder } from './scan-folder.ts';
import { scanHuggingFace } from './scan-hugging-face.ts';
import { scanLlamaCpp } from './scan-llama-cpp.ts';
import { scanOllama } from './scan-ollama.ts';

/** All model files in the places, in the order of these; a file that two places hold counts for the first. */
export async function findModels(places: readonly ModelPlace[]): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const place of places) {
    for (const file of await scan(place)) if (!found.has(file.path)) found.set(file.path, file);
  }
  return [...found.values()];
}

function scan(place: ModelPlace): Promise<FoundFile[]> {
  switch (place.kind) {
    case 'ollama':
      return scanOllama(place);
    case 'hugging-face':
      return scanHuggingFace(place);
    case 'llama.cpp':
      return scanLlamaCpp(place);
    case 'embedded':
    case 'folder':
    case 'own':
    case 'lm-studio':
    default:
      return scanFolder(place);
  }
}
