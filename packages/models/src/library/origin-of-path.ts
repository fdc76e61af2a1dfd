import type { ModelPlace } from './places.ts';

/** Where a file of a place was got from, by its path below the place's folder: a reference that `pull` takes. */
export function originOfPath({ kind }: ModelPlace, path: string): string | undefined {
  switch (kind) {
    case 'own':
      return originOfPulled(path) ?? originInRepository(path);
    case 'lm-studio':
      return originInRepository(path);
    case 'hugging-face':
      return originInCache(path);
    case 'ollama':
      return originInRegistry(path);
    default:
      return undefined;
  }
}

/** `owner/repository/file.gguf`, as LM Studio and `pull` lay files out. */
function originInRepository(path: string): string | undefined {
  const [, owner, repository, file] = /^([^/]+)\/([^/]+)\/([^/]+\.gguf)$/i.exec(path) ?? [];
  return file === undefined ? undefined : `hf:${owner}/${repository}/${file}`;
}

/** `ollama/<[namespace@]model>/<tag>.gguf`, as `pull` lays out what it gets from Ollama's registry. */
function originOfPulled(path: string): string | undefined {
  const [, model, tag] = /^ollama\/([^/]+)\/([^/]+)\.gguf$/i.exec(path) ?? [];
  return tag === undefined ? undefined : `ollama:${model?.replace('@', '/')}:${tag}`;
}

/** `models--owner--name/snapshots/<revision>/[folder/]file.gguf` */
function originInCache(path: string): string | undefined {
  const [, owner, name, revision, file] = /^models--([^/]+?)--([^/]+)\/snapshots\/([^/]+)\/(.+\.gguf)$/i.exec(path) ?? [];
  return file === undefined ? undefined : `hf:${owner}/${name}@${revision}/${file}`;
}

/** `registry.ollama.ai/library/llama3.2/1b`, a manifest's path; of other registries nothing can be got by name. */
function originInRegistry(path: string): string | undefined {
  const [, namespace, model, tag] = /^registry\.ollama\.ai\/([^/]+)\/([^/]+)\/([^/]+)$/i.exec(path) ?? [];
  return tag === undefined ? undefined : `ollama:${namespace === 'library' ? '' : `${namespace}/`}${model}:${tag}`;
}
