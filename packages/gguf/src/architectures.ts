import { deepseek2 } from './architectures/deepseek2.ts';
import { gemma2 } from './architectures/gemma2.ts';
import { gemma3 } from './architectures/gemma3.ts';
import { glm4moe } from './architectures/glm4moe.ts';
import { granite } from './architectures/granite.ts';
import { hybrid } from './architectures/hybrid.ts';
import { tied, uniform, withHead } from './architectures/uniform.ts';
import { windowed } from './architectures/windowed.ts';
import { NotSplittableError } from './errors.ts';
import type { ArchitectureRule, GgufModel } from './types.ts';

// An architecture gets here when packages/llama/test/architectures.test.ts has shown that its cut models give the whole one's bits.
const RULES: readonly ArchitectureRule[] = [
  // Mistral's models too, up to the third generation.
  uniform('llama'),
  uniform('mistral3'),
  uniform('qwen2'),
  uniform('qwen3'),
  gemma2,
  gemma3,
  uniform('qwen3moe'),
  withHead(windowed('gpt-oss', 2)),
  uniform('phi3'),
  withHead(uniform('qwen2moe')),
  granite,
  withHead(windowed('olmo2', 4)),
  glm4moe,
  deepseek2,
  tied(windowed('cohere2', 4)),
  hybrid('qwen3next'),
  hybrid('qwen35', { positionsPerToken: 4 }),
  hybrid('qwen35moe', { positionsPerToken: 4 }),
];

const TABLE = new Map(RULES.map((rule) => [rule.architecture, rule]));

/** Names of the architectures that are known to give the same logits cut as whole. */
export const splittableArchitectures: readonly string[] = [...TABLE.keys()];

/** Undefined for an architecture that is not on the table. */
export const findArchitectureRule = (architecture: string): ArchitectureRule | undefined => TABLE.get(architecture);

/** How the model may be cut. Throws `NotSplittableError` for an architecture that is not on the table. */
export function architectureRule(model: GgufModel): ArchitectureRule {
  const rule = TABLE.get(model.architecture);
  if (rule !== undefined) return rule;
  throw new NotSplittableError(
    `A model of the architecture ${model.architecture} is not split: it is not known to answer the same when cut.`,
    {
      hint: `It still runs whole on one node. Splittable: ${splittableArchitectures.join(', ')}.`,
    },
  );
}
