import { GIB } from '@pippa/core';
import { memoryEstimate, type GgufModel } from '@pippa/gguf';
import { ModelTooLargeError } from '../errors.ts';

/** Context of one conversation when nobody asks for another: long enough for chats, small beside the weights. */
export const DEFAULT_CONTEXT_TOKENS = 8192;
/** Below this the agent does not go to make a model fit on its own. */
const SMALLEST_DEFAULT_CONTEXT = 1024;

export interface MemoryWish {
  readonly name: string;
  /** Undefined: the model's own context, at most `DEFAULT_CONTEXT_TOKENS`, or what fits. */
  readonly contextTokens: number | undefined;
  readonly trainedContextTokens: number;
  readonly parallelSequences: number;
  /** Layer boundaries of the stages: `[0, ..., layers]`. */
  readonly boundaries: readonly number[];
  readonly maxRows: number;
  readonly budgetBytes: number;
}

export interface StageMemory {
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
}

/** The context that the model gets and what each stage then takes. Throws `ModelTooLargeError` with what would fit. */
export function fitMemory(
  model: GgufModel,
  wish: MemoryWish,
): { readonly contextTokens: number; readonly stages: readonly StageMemory[] } {
  const trained = wish.trainedContextTokens > 0 ? wish.trainedContextTokens : DEFAULT_CONTEXT_TOKENS;
  const estimate = (contextTokens: number): readonly StageMemory[] =>
    wish.boundaries.slice(1).map((to, index) => {
      const contextCells = contextTokens * wish.parallelSequences;
      const { parallelSequences, maxRows } = wish;
      return memoryEstimate(model, { from: wish.boundaries[index] ?? 0, to, contextCells, parallelSequences, maxRows });
    });
  const fits = (contextTokens: number): boolean => totalBytes(estimate(contextTokens)) <= wish.budgetBytes;

  let contextTokens = Math.min(trained, wish.contextTokens ?? DEFAULT_CONTEXT_TOKENS);
  if (wish.contextTokens === undefined) {
    while (!fits(contextTokens) && contextTokens / 2 >= SMALLEST_DEFAULT_CONTEXT) contextTokens = Math.floor(contextTokens / 2);
  }
  if (fits(contextTokens)) return { contextTokens, stages: estimate(contextTokens) };
  throw new ModelTooLargeError(wish.name, totalBytes(estimate(contextTokens)), wish.budgetBytes, hint(estimate, wish));
}

function hint(estimate: (contextTokens: number) => readonly StageMemory[], wish: MemoryWish): string {
  const withoutContext = totalBytes(estimate(0));
  const bytesPerToken = (totalBytes(estimate(GIB)) - withoutContext) / GIB;
  const contextTokens = Math.floor((wish.budgetBytes - withoutContext) / bytesPerToken);
  if (contextTokens >= SMALLEST_DEFAULT_CONTEXT) return `It fits with --context ${contextTokens}, or with a smaller --parallel.`;
  return 'Take a smaller model or one with a stronger quantisation (Q4_K_M instead of Q8_0), or a smaller --context and --parallel.';
}

export function totalBytes(stages: readonly StageMemory[]): number {
  return stages.reduce((sum, stage) => sum + stage.weights + stage.context + stage.compute, 0);
}
