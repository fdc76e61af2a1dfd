import { architectureRule, NotSplittableError, type ArchitectureRule, type GgufModel } from '@pippa/gguf';

/** All parts of the model together. */
export function fileBytes(model: GgufModel): number {
  return model.files.reduce((sum, file) => sum + file.byteLength, 0);
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
