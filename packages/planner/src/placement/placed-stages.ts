import { placementKey } from '../calibrate.ts';
import type { LinkTable } from '../link-table.ts';
import type { ModelCosts } from '../model-costs.ts';
import type { SpeedModel, StageOnNode } from '../speed-model.ts';
import type { Placed, PlacedStage, PlacementInput, PlannerNode } from '../types.ts';

/** What a placement is decided and explained by. */
export interface PlacementContext {
  /** Those that may hold a stage. */
  readonly nodes: readonly PlannerNode[];
  readonly costs: ModelCosts;
  readonly links: LinkTable;
  readonly speed: SpeedModel;
  readonly input: PlacementInput;
}

/** Stages with what they take and give. What was measured of just this placement stands in for its prediction, and is a reason. */
export function placedOf(
  stages: readonly StageOnNode[],
  { costs, speed, input }: PlacementContext,
): Pick<Placed, 'kind' | 'stages' | 'predicted' | 'reasons'> {
  const predicted = speed.predict(stages, input.wish);
  const measured = input.calibration?.measured.get(placementKey(input.manifest.id, stages));
  return {
    kind: 'placed',
    stages: stages.map((stage) => placedStage(stage, costs, speed)),
    predicted: measured === undefined ? predicted : { ...predicted, decodeTokensPerSecond: measured },
    reasons:
      measured === undefined
        ? []
        : [
            `${measured.toFixed(1)} tokens/s were measured of this placement; ${predicted.decodeTokensPerSecond.toFixed(1)} had been predicted.`,
          ],
  };
}

export function placedStage({ node, peer, from, to }: StageOnNode, costs: ModelCosts, speed: SpeedModel): PlacedStage {
  return { peer, from, to, memory: costs.memory(from, to), computeMs: speed.stageMs(node, from, to) };
}
