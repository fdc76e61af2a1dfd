import { errorMessage, type ModelManifest } from '@pippa/core';
import { getString, manifestOf, modelFingerprint, readGgufModel, splitPaths } from '@pippa/gguf';
import { manifestSchema } from '@pippa/protocol';
import { z } from 'zod';
import { familyAlias } from './model-naming.ts';

const MAX_TEXT = 4096;
/** What reading a model's header gave. */
export const modelFacts = z.union([
  z.object({
    kind: z.literal('model'),
    manifest: manifestSchema,
    /** `llama3.2:1b`, as the header names its family. */
    familyAlias: z.string().max(512).optional(),
    /** All files of it, the first too. */
    paths: z.array(z.string().max(MAX_TEXT)).min(1).max(1024),
  }),
  /** A GGUF that is no language model: a projector or an adapter. */
  z.object({ kind: z.literal('companion'), architecture: z.string().max(255) }),
  z.object({ kind: z.literal('broken'), error: z.string().max(MAX_TEXT) }),
]);
export type ModelFacts = z.output<typeof modelFacts>;

/** Architectures of GGUF files that go along with models. */
const COMPANION_ARCHITECTURES: ReadonlySet<string> = new Set(['clip', 'control_vector']);

/** Reads header and samples. What is wrong with the file is a fact of it, not an error. */
export async function readFacts(path: string, name: string, signal?: AbortSignal): Promise<ModelFacts> {
  const options = signal === undefined ? {} : { signal };
  try {
    const model = await readGgufModel(path, options);
    const type = getString(model.metadata, 'general.type');
    if (COMPANION_ARCHITECTURES.has(model.architecture) || (type !== undefined && type !== 'model'))
      return { kind: 'companion', architecture: model.architecture };
    const id = await modelFingerprint(model, options);
    const alias = familyAlias(getString(model.metadata, 'general.basename'), getString(model.metadata, 'general.size_label'));
    const manifest: ModelManifest = manifestOf(model, { name, id });
    return {
      kind: 'model',
      manifest: { ...manifest, layers: [...manifest.layers], cuts: [...manifest.cuts] },
      ...(alias === undefined ? {} : { familyAlias: alias }),
      paths: [...splitPaths(path)],
    };
  } catch (error) {
    signal?.throwIfAborted();
    return { kind: 'broken', error: errorMessage(error).slice(0, MAX_TEXT) };
  }
}
