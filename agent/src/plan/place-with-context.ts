import type { ModelManifest } from '@pippa/core';
import { planPlacement, type PlacementResult, type Wish } from '@pippa/planner';
import type { PlanNodes } from './plan-nodes.ts';

/** Context when nobody asks for another, as rings have it: halved down to the smallest while the model does not fit. */
const DEFAULT_CONTEXT = { most: 8192, least: 1024 } as const;

/** Where the layers of a model would go: with the context asked for, or with the largest of the usual ones that fits. */
export function placeWithContext(
  manifest: ModelManifest,
  { nodes, links, calibration }: Pick<PlanNodes, 'nodes' | 'links' | 'calibration'>,
  asked: number | undefined,
  wishes: Omit<Wish, 'contextTokens'>,
): { readonly wish: Wish; readonly result: PlacementResult } {
  const trained = manifest.contextLength > 0 ? manifest.contextLength : DEFAULT_CONTEXT.most;
  const plannedAt = (contextTokens: number): { readonly wish: Wish; readonly result: PlacementResult } => {
    const wish = { ...wishes, contextTokens };
    return { wish, result: planPlacement({ nodes, links, manifest, wish, ...(calibration === undefined ? {} : { calibration }) }) };
  };
  const first = plannedAt(asked ?? Math.min(trained, DEFAULT_CONTEXT.most));
  if (asked !== undefined) return first;
  let planned = first;
  while (planned.result.kind === 'refused') {
    const contextTokens = Math.floor(planned.wish.contextTokens / 2);
    if (contextTokens < DEFAULT_CONTEXT.least) return first;
    planned = plannedAt(contextTokens);
  }
  return planned;
}
