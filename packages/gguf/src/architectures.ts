import { NotSplittableError } from './errors.ts';
import { layerCount } from './layout.ts';
import type { ArchitectureRule, GgufModel } from './types.ts';

/** An architecture whose layers are all alike and know nothing of their index: cut anywhere, change nothing. */
function uniform(architecture: string): ArchitectureRule {
  return {
    architecture,
    cuts: (model) => Array.from({ length: layerCount(model) - 1 }, (_, index) => index + 1),
    metadata: () => new Map(),
  };
}

const RULES: readonly ArchitectureRule[] = [uniform('llama'), uniform('qwen2'), uniform('qwen3')];

const TABLE = new Map(RULES.map((rule) => [rule.architecture, rule]));

/** Names of the architectures that are known to give the same logits cut as whole. */
export const splittableArchitectures: readonly string[] = [...TABLE.keys()];

/** How the model may be cut. Throws `NotSplittableError` for an architecture that is not on the table. */
export function architectureRule(model: GgufModel): ArchitectureRule {
  const rule = TABLE.get(model.architecture);
  if (rule !== undefined) return rule;
  throw new NotSplittableError(`A model of the architecture ${model.architecture} is not split: it is not known to answer the same when cut.`, {
    hint: `It still runs whole on one node. Splittable: ${splittableArchitectures.join(', ')}.`,
  });
}
