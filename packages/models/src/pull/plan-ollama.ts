import { join } from 'node:path';
import { DownloadFailedError, GatedModelError, NotOnHubError } from '../errors.ts';
import { OLLAMA_MODEL_LAYER, OLLAMA_PROJECTOR_LAYER, ollamaManifest } from '../library/scan-ollama.ts';
import { parseJson, type HubOptions } from './plan-hub.ts';
import type { PullPlan } from './pull-plan.ts';
import type { PullReference } from './pull-reference.ts';

const DEFAULT_REGISTRY = 'https://registry.ollama.ai';

/** The weights that Ollama's registry keeps under a name. Throws like `planHub`. */
export async function planOllama(reference: PullReference & { kind: 'ollama' }, options: HubOptions): Promise<PullPlan> {
  const { namespace, model, tag } = reference;
  const registry = new URL(options.environment['OLLAMA_REGISTRY'] ?? DEFAULT_REGISTRY);
  const base = `${registry.pathname.replace(/\/+$/, '')}/v2/${namespace}/${model}`;
  const accept = 'application/vnd.docker.distribution.manifest.v2+json';
  const answer = await options.client.text(new URL(`${base}/manifests/${tag}`, registry), {
    headers: { accept },
    signal: options.signal,
  });
  const short = `${namespace === 'library' ? '' : `${namespace}/`}${model}`;
  const name = `${short}:${tag}`;
  if (answer.status === 404) {
    throw new NotOnHubError(`${registry.host} has no model ${name}.`, {
      hint: `See ollama.com/library for names and tags. Of the Hugging Face hub: hf:org/repo.`,
    });
  }
  if (answer.status === 401 || answer.status === 403)
    throw new GatedModelError(`${registry.host} does not give ${name} to just anybody.`);
  if (answer.status !== 200) throw new DownloadFailedError(`${registry.host} answered with status ${answer.status}.`);
  const manifest = ollamaManifest.safeParse(parseJson(answer.text, registry));
  const layer = manifest.data?.layers.find((candidate) => candidate.mediaType === OLLAMA_MODEL_LAYER);
  if (layer === undefined) {
    throw new NotOnHubError(`${name} has no GGUF weights at ${registry.host}.`, {
      hint: 'Models that run in the cloud, and some that Ollama runs with an engine of its own, have none.',
    });
  }
  const projector = manifest.data?.layers.find((candidate) => candidate.mediaType === OLLAMA_PROJECTOR_LAYER);
  return {
    ...(projector === undefined ? {} : { projector: { name: 'projector', byteLength: projector.size } }),
    name,
    from: registry.host,
    files: [
      {
        url: new URL(`${base}/blobs/${layer.digest}`, registry),
        headers: {},
        // Read back by `scanFolder`: `ollama/<[namespace@]model>/<tag>.gguf`.
        target: join('ollama', short.replace('/', '@'), `${tag}.gguf`),
        byteLength: layer.size,
        sha256: layer.digest.slice('sha256:'.length),
      },
    ],
  };
}
