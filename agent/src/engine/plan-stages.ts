import { architectureRule, describeModel, layerCount, type ArchitectureRule, type GgufModel } from '@pippa/gguf';
import { TooManyStagesError } from '../errors.ts';
import { ruleOf } from '../library/model-file.ts';
import { chooseCuts, layerCosts } from './choose-cuts.ts';
import { fitMemory, type StageMemory } from './fit-memory.ts';

/** Rows a step may carry in a whole model: llama.cpp's own micro-batch. */
const WHOLE_MODEL_ROWS = 512;
/** A cut model's prompts go in smaller chunks, so that its stages work on several at once. */
const CUT_MODEL_ROWS = 256;

export interface StageWish {
  readonly name: string;
  readonly stages: number;
  readonly contextTokens: number | undefined;
  readonly parallelSequences: number;
  readonly budgetBytes: number;
}

export interface PlannedStage {
  readonly from: number;
  readonly to: number;
  readonly memory: StageMemory;
}

/** How a model is laid out over local stages. */
export interface StagePlan {
  /** Undefined for an architecture that is not known for cutting: such a model stays whole. */
  readonly rule: ArchitectureRule | undefined;
  readonly stages: readonly PlannedStage[];
  readonly contextTokens: number;
  readonly maxRows: number;
}

/** Throws `NotSplittableError`, `TooManyStagesError`, `ModelTooLargeError`. */
export function planStages(model: GgufModel, wish: StageWish): StagePlan {
  const whole = wish.stages === 1;
  const rule = whole ? ruleOf(model) : architectureRule(model);
  const boundaries = whole || rule === undefined ? [0, layerCount(model)] : cutEvenly(model, rule, wish);
  const maxRows = whole ? WHOLE_MODEL_ROWS : CUT_MODEL_ROWS;
  const trainedContextTokens = describeModel(model).contextLength;
  const fit = fitMemory(model, { ...wish, trainedContextTokens, boundaries, maxRows });
  const stages = fit.stages.map((memory, index) => ({ from: boundaries[index] ?? 0, to: boundaries[index + 1] ?? 0, memory }));
  return { rule, stages, contextTokens: fit.contextTokens, maxRows };
}

function cutEvenly(model: GgufModel, rule: ArchitectureRule, wish: StageWish): readonly number[] {
  const layout = describeModel(model);
  const cuts = rule.cuts(model);
  const boundaries = chooseCuts(layerCosts(layout.layerBytes, layout.outputBytes), cuts, wish.stages);
  if (boundaries !== undefined) return boundaries;
  throw new TooManyStagesError(
    `${wish.name} has ${layout.layerCount} layers and can be cut into at most ${cuts.length + 1} stages.`,
    {
      hint: `Choose --stages ${cuts.length + 1} or less.`,
    },
  );
}
