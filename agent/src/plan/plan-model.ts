import type { ModelManifest } from '@pippa/core';
import type { CommandContext } from '../commands/context.ts';
import { NoSuchModelError } from '@pippa/models';
import { UnusableModelError } from '../errors.ts';
import { openLibrary } from '../library/open-library.ts';
import { imaginedModelSchema, manifestOfImagined } from './imagined-model.ts';
import { findExample, readExample } from './read-example.ts';

/** The manifest of a model by name or path; of a JSON file of figures, or an example of the package, for one that is not there. */
export async function planModel(asked: string, context: CommandContext): Promise<ModelManifest> {
  const { settings, interrupts } = context;
  if (asked.endsWith('.json')) return figures(asked);
  try {
    const entry = await openLibrary(settings, context).resolve(asked, { signal: interrupts.asked });
    if (entry.kind === 'broken') throw new UnusableModelError(entry.paths[0] ?? entry.name, new Error(entry.error));
    return entry.manifest;
  } catch (error) {
    const example = error instanceof NoSuchModelError ? await findExample(asked) : undefined;
    if (example === undefined) throw error;
    return figures(example);
  }
}

async function figures(path: string): Promise<ModelManifest> {
  return manifestOfImagined(await readExample((await findExample(path)) ?? path, imaginedModelSchema));
}
