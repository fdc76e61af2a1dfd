import type { ModelManifest } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import type { PlannedRing, RingShape } from './ring-planner.ts';
import { CUT_MODEL_ROWS, DEFAULT_CONTEXT_TOKENS, SMALLEST_DEFAULT_CONTEXT, WHOLE_MODEL_ROWS } from './ring-settings.ts';

/**
 * Plans with the context that was wished for; where none was, with the model's own up to `DEFAULT_CONTEXT_TOKENS`, halved for as long as
 * the model does not fit, unless it must not shrink. Throws what `plan` threw first.
 */
export function planWithShape(
  manifest: ModelManifest,
  wish: RingWish,
  plan: (shape: RingShape) => PlannedRing,
  { mayShrink = true }: { readonly mayShrink?: boolean } = {},
): { readonly planned: PlannedRing; readonly shape: RingShape } {
  const trained = manifest.contextLength > 0 ? manifest.contextLength : DEFAULT_CONTEXT_TOKENS;
  let contextTokens = Math.min(trained, wish.contextTokens ?? DEFAULT_CONTEXT_TOKENS);
  let refusal: unknown;
  for (;;) {
    const { parallelSequences } = wish;
    try {
      const planned = plan({ contextTokens, parallelSequences, maxRows: CUT_MODEL_ROWS });
      const maxRows = planned.stages.length === 1 ? WHOLE_MODEL_ROWS : CUT_MODEL_ROWS;
      return { planned, shape: { contextTokens, parallelSequences, maxRows } };
    } catch (error) {
      refusal ??= error;
      contextTokens = Math.floor(contextTokens / 2);
      if (!mayShrink || wish.contextTokens !== undefined || contextTokens < SMALLEST_DEFAULT_CONTEXT) throw refusal;
    }
  }
}
