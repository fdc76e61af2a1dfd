import type { ModelManifest } from '@pippa/core';
import type { CommandContext } from '../commands/context.ts';
import { NoSuchModelError } from '@pippa/models';
import { callAgent } from '../control/client.ts';
import { AgentNotRunningError, UnusableModelError } from '../errors.ts';
import { openLibrary } from '../library/open-library.ts';
import { manifestOperation } from '../operations/ring-operations.ts';
import { imaginedModelSchema, manifestOfImagined } from './imagined-model.ts';
import { findExample, readExample } from './read-example.ts';

/** The manifest of a model by name or path, here or anywhere in the running agent's mesh; of a JSON file of figures, or an example of the package, for one that is not there. */
export async function planModel(asked: string, context: CommandContext): Promise<ModelManifest> {
  const { settings, interrupts } = context;
  if (asked.endsWith('.json')) return figures(asked);
  try {
    const entry = await openLibrary(settings, context).resolve(asked, { signal: interrupts.asked });
    if (entry.kind === 'broken') throw new UnusableModelError(entry.paths[0] ?? entry.name, new Error(entry.error));
    return entry.manifest;
  } catch (error) {
    if (!(error instanceof NoSuchModelError)) throw error;
    const example = await findExample(asked);
    return example === undefined ? inTheMesh(asked, error, context) : figures(example);
  }
}

/** The running agent may know it: from a folder that it was started with, or from another node. Throws `otherwise` when none runs. */
async function inTheMesh(
  asked: string,
  otherwise: NoSuchModelError,
  { paths, interrupts }: CommandContext,
): Promise<ModelManifest> {
  try {
    return await callAgent(paths.socket, manifestOperation, { model: asked }, { signal: interrupts.asked });
  } catch (error) {
    throw error instanceof AgentNotRunningError ? otherwise : error;
  }
}

async function figures(path: string): Promise<ModelManifest> {
  return manifestOfImagined(await readExample((await findExample(path)) ?? path, imaginedModelSchema));
}
