import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { FoundFile } from './found-file.ts';
import { originOfPath } from './origin-of-path.ts';
import type { ModelPlace } from './places.ts';
import { globFiles } from './scan-folder.ts';

/** Manifests are some hundred bytes. */
const MAX_MANIFEST_BYTES = 262_144;

export const OLLAMA_MODEL_LAYER = 'application/vnd.ollama.image.model';
export const OLLAMA_PROJECTOR_LAYER = 'application/vnd.ollama.image.projector';

/** https://github.com/opencontainers/image-spec/blob/main/manifest.md, as Ollama uses it. */
export const ollamaManifest = z.object({
  layers: z
    .array(
      z.object({
        mediaType: z.string().max(255),
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        size: z.int().min(0),
      }),
    )
    .max(256),
});

/** Models that Ollama pulled: `manifests/<host>/<namespace>/<model>/<tag>` point to `blobs/sha256-<digest>`. */
export async function scanOllama(place: ModelPlace): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const path of await globFiles(join(place.directory, 'manifests'), ['*/*/*/*'])) {
    const layers = await readLayers(join(place.directory, 'manifests', path));
    const blobOf = (mediaType: string): string | undefined => {
      const layer = layers.find((candidate) => candidate.mediaType === mediaType);
      return layer === undefined ? undefined : join(place.directory, 'blobs', layer.digest.replace(':', '-'));
    };
    const model = blobOf(OLLAMA_MODEL_LAYER);
    const projectorPath = blobOf(OLLAMA_PROJECTOR_LAYER);
    if (model === undefined) continue;
    const origin = originOfPath(place, path);
    found.push({
      ...ollamaNames(path),
      place,
      path: model,
      ...(projectorPath === undefined ? {} : { projectorPath }),
      ...(origin === undefined ? {} : { origin }),
    });
  }
  return found;
}

/** `registry.ollama.ai/library/llama3.2/1b` -> `llama3.2:1b` */
function ollamaNames(path: string): { readonly name: string; readonly aliases: readonly string[] } {
  const [host = '', namespace = '', model = '', tag = ''] = path.split('/');
  const owner = namespace === 'library' ? '' : `${namespace}/`;
  const registry = host === 'registry.ollama.ai' ? '' : `${host}/`;
  const short = `${registry}${owner}${model}`;
  const aliases = [`ollama:${short}:${tag}`, ...(registry === '' ? [] : [`${model}:${tag}`])];
  return { name: `${short}:${tag}`, aliases: tag === 'latest' ? [short, ...aliases] : aliases };
}

async function readLayers(path: string): Promise<z.output<typeof ollamaManifest>['layers']> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > MAX_MANIFEST_BYTES) return [];
    return ollamaManifest.parse(JSON.parse(text)).layers;
  } catch {
    // Another tool's file: what cannot be read is not there.
    return [];
  }
}
