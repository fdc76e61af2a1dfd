import { errorMessage } from '@pippa/core';
import {
  architectureRule,
  describeModel,
  NotSplittableError,
  readGgufModel,
  type ArchitectureRule,
  type GgufModel,
} from '@pippa/gguf';
import { modelNameOf } from './find-models.ts';

/** What `pippa-agent models` says of a file. */
export type ModelEntry = UsableModel | BrokenModel;

export interface UsableModel {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly architecture: string;
  readonly quantisation: string;
  readonly parameterCount: number;
  readonly layerCount: number;
  readonly contextLength: number;
  /** Most stages that the model can be cut into; 1 when its architecture must stay whole. */
  readonly maxStages: number;
}

export interface BrokenModel {
  readonly name: string;
  readonly path: string;
  readonly error: string;
}

/** Reads the header alone. A file that is no usable model gives its error. */
export async function describeFile(path: string): Promise<ModelEntry> {
  const name = modelNameOf(path);
  try {
    const model = await readGgufModel(path);
    const layout = describeModel(model);
    return {
      name,
      path,
      bytes: fileBytes(model),
      architecture: layout.architecture,
      quantisation: layout.quantisation,
      parameterCount: layout.parameterCount,
      layerCount: layout.layerCount,
      contextLength: layout.contextLength,
      maxStages: maxStages(model),
    };
  } catch (error) {
    return { name, path, error: errorMessage(error) };
  }
}

/** All parts of the model together. */
export function fileBytes(model: GgufModel): number {
  return model.files.reduce((sum, file) => sum + file.byteLength, 0);
}

/** Most stages that the model can be cut into; 1 when its architecture must stay whole. */
function maxStages(model: GgufModel): number {
  return (ruleOf(model)?.cuts(model).length ?? 0) + 1;
}

/** How the model may be cut; undefined when its architecture must stay whole. */
export function ruleOf(model: GgufModel): ArchitectureRule | undefined {
  try {
    return architectureRule(model);
  } catch (error) {
    if (error instanceof NotSplittableError) return undefined;
    throw error;
  }
}
