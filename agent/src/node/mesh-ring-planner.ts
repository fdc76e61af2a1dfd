import { peerId, type Mesh, type ModelManifest, type PeerId, type PeerState } from '@pippa/core';
import {
  LOCAL_LINK,
  planPlacement,
  planRecovery,
  plannerNode,
  type PlacementInput,
  type PlacementResult,
  type PlannerNode,
  type RecoveryResult,
  type Refused,
  type StageRange,
} from '@pippa/planner';
import { chooseCuts } from '../engine/choose-cuts.ts';
import { TooManyStagesError } from '../errors.ts';
import { PlacementRefusedError, type PlannedRing, type PlanRequest, type RingPlanner } from '@pippa/ring';

/** Stands for whoever held the layers that have no place now. */
const NOBODY = peerId('nobody');

/** Places stages by what the cards of this node and its living peers say at the moment. */
export class MeshRingPlanner implements RingPlanner {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  place(request: PlanRequest): PlannedRing {
    const { only, stageCount } = request.wish;
    if (stageCount !== undefined && only?.length === 1 && only[0] === this.#mesh.self) {
      return this.repair({ ...request, kept: localStages(request.manifest, stageCount, this.#mesh.self) });
    }
    const input = this.#input(request);
    return this.#plan((nodes) => planPlacement({ ...input, nodes }));
  }

  repair({ kept, ...request }: PlanRequest & { readonly kept: readonly StageRange[] }): PlannedRing {
    const layers = request.manifest.layers.length;
    const placement = withGaps(kept, layers);
    const input = this.#input(request);
    if (placement.length === kept.length) {
      return this.#plan((nodes) => planPlacement({ ...input, nodes, wish: { ...input.wish, stages: kept } }));
    }
    return this.#plan((survivors) => planRecovery({ ...input, placement, lost: [NOBODY], survivors, spares: [] }));
  }

  #input({ manifest, wish, shape, excluded, first }: PlanRequest): Omit<PlacementInput, 'nodes'> {
    return {
      links: [],
      manifest,
      wish: {
        ...shape,
        lane: wish.lane,
        strategy: wish.strategy,
        exclude: [...excluded],
        ...(wish.only === undefined ? {} : { only: wish.only }),
        ...(wish.stageCount === undefined ? {} : { split: wish.stageCount }),
        ...(first === undefined ? {} : { first }),
      },
    };
  }

  /** Nodes that are silent at the moment are left out, unless it cannot be done without them: most of them are only busy. */
  #plan(plan: (nodes: readonly PlannerNode[]) => PlacementResult | RecoveryResult): PlannedRing {
    const result = plan(this.#nodes(['alive']));
    const isShort = result.kind === 'refused' && this.#mesh.peers().some((peer) => peer.state === 'suspect');
    return plannedRing(isShort ? plan(this.#nodes(['alive', 'suspect'])) : result);
  }

  #nodes(states: readonly PeerState[]): PlannerNode[] {
    const own = plannerNode(this.#mesh.card, LOCAL_LINK);
    const others = this.#mesh
      .peers()
      .flatMap(({ state, card, link }) => (states.includes(state) && card !== undefined ? [plannerNode(card, link)] : []));
    return [own, ...others];
  }
}

/** The whole model on one node, cut so that the slowest stage has as little to do as possible. */
function localStages(manifest: ModelManifest, count: number, peer: PeerId): StageRange[] {
  // Bytes read a token stand for time; the head is read for every token, the embeddings hardly at all.
  const costs = manifest.layers.map(
    ({ weightBytes }, layer) => weightBytes + (layer === manifest.layers.length - 1 ? manifest.outputBytes : 0),
  );
  const boundaries = chooseCuts(costs, manifest.cuts, count);
  if (boundaries === undefined) {
    throw new TooManyStagesError(
      `${manifest.name} has ${costs.length} layers and can be cut into at most ${manifest.cuts.length + 1} stages.`,
      { hint: `Choose --stages ${manifest.cuts.length + 1} or less.` },
    );
  }
  return boundaries.slice(1).map((to, index) => ({ peer, from: boundaries[index] ?? 0, to }));
}

/** The stages with the layers between them, which nobody holds. */
function withGaps(kept: readonly StageRange[], layers: number): StageRange[] {
  const stages: StageRange[] = [];
  let at = 0;
  for (const stage of kept.toSorted((a, b) => a.from - b.from)) {
    if (stage.from > at) stages.push({ peer: NOBODY, from: at, to: stage.from });
    stages.push(stage);
    at = stage.to;
  }
  if (at < layers) stages.push({ peer: NOBODY, from: at, to: layers });
  return stages;
}

function plannedRing(result: PlacementResult | RecoveryResult): PlannedRing {
  if (result.kind === 'refused') throw refusal(result);
  return {
    stages: result.stages.map(({ peer, from, to }) => ({ peer, from, to })),
    stageBytes: result.stages.map((stage) => stage.memory.total),
    predictedTokensPerSecond: result.predicted.decodeTokensPerSecond,
    reasons: [...result.reasons, ...result.warnings],
  };
}

function refusal({ reasons, suggestions }: Refused): PlacementRefusedError {
  return new PlacementRefusedError(reasons.join(' '), suggestions.length === 0 ? {} : { hint: suggestions.join(' ') });
}
