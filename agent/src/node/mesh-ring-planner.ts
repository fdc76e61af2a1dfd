import {
  peerId,
  type LinkFacts,
  type Mesh,
  type ModelId,
  type ModelManifest,
  type NodeCard,
  type PeerId,
  type PeerState,
  type RingId,
} from '@pippa/core';
import {
  LOCAL_LINK,
  planPlacement,
  planRecovery,
  planRebalance,
  planSpares,
  plannerNode,
  type PlacementInput,
  type PlacementResult,
  type PlannerNode,
  type RecoveryResult,
  type Refused,
  type StageRange,
} from '@pippa/planner';
import { chooseCuts, layerCosts } from '../engine/choose-cuts.ts';
import { TooManyStagesError } from '../errors.ts';
import {
  PlacementRefusedError,
  type PlannedRing,
  type PlannedSpare,
  type PlanRequest,
  type Rebalanced,
  type RingPlanner,
} from '@pippa/ring';

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
    return this.#plan((nodes) => planPlacement({ ...input, nodes }), request.gone);
  }

  repair({
    kept: wanted,
    spares = [],
    ...request
  }: PlanRequest & { readonly kept: readonly StageRange[]; readonly spares?: readonly StageRange[] }): PlannedRing {
    const layers = request.manifest.layers.length;
    // The stream of a stage may outlive the word that its node is dead, and a placement the node that it was made for.
    const there = new Set(this.#nodes(['alive', 'suspect']).map(({ peer }) => peer));
    const kept = wanted.filter(({ peer }) => there.has(peer));
    if (kept.length === 0) return this.place(request);
    const placement = withGaps(kept, layers);
    const input = this.#input(request);
    if (placement.length === kept.length) {
      return this.#plan((nodes) => planPlacement({ ...input, nodes, wish: { ...input.wish, stages: kept } }));
    }
    // What the ring's own spares take is told apart from what is free.
    const beside = (node: PlannerNode): PlannerNode => ({
      ...node,
      freeBytes: Math.max(0, node.freeBytes - this.#spareBytes(node.peer, request.manifest.id, spares)),
    });
    return this.#plan((survivors) =>
      planRecovery({ ...input, placement, lost: [NOBODY], survivors: survivors.map(beside), spares }),
    );
  }

  spares({
    placement,
    spares,
    ...request
  }: PlanRequest & { readonly placement: readonly StageRange[]; readonly spares: readonly StageRange[] }): readonly PlannedSpare[] {
    // What other spares take is not free for one more.
    const nodes = this.#cards(['alive']).map(({ card, link }) => {
      const taken = card.stages.reduce((sum, stage) => sum + (stage.spare === true ? stage.memoryBytes : 0), 0);
      const { memory } = card;
      return plannerNode({ ...card, memory: { ...memory, freeBytes: Math.max(0, memory.freeBytes - taken) } }, link);
    });
    const { wish, ...input } = this.#input(request);
    const allowed = nodes.filter(
      ({ peer }) => !request.excluded.has(peer) && (wish.only === undefined || wish.only.includes(peer)),
    );
    const holders = nodes.filter(
      ({ peer }) => placement.some((stage) => stage.peer === peer) && !allowed.some((each) => each.peer === peer),
    );
    // Holders that may take nothing more are there to be judged all the same.
    return planSpares({
      ...input,
      wish,
      nodes: [...allowed, ...holders.map((node) => ({ ...node, freeBytes: 0 }))],
      placement,
      spares,
    }).map(({ peer, from, to, memory, reason }) => ({ peer, from, to, bytes: memory.total, reason }));
  }

  rebalance({ placement, stageMs, state, nowMs, ...request }: Parameters<RingPlanner['rebalance']>[0]): Rebalanced {
    const decision = planRebalance({
      ...this.#input(request),
      nodes: this.#nodes(['alive']),
      placement,
      stageMs,
      state,
      nowMs,
    });
    if (decision.kind === 'stay') return { move: undefined, state: decision.state };
    const move: PlannedRing = {
      stages: decision.stages.map(({ peer, from, to }) => ({ peer, from, to })),
      stageBytes: decision.stages.map((stage) => ('memory' in stage ? stage.memory.total : 0)),
      predictedTokensPerSecond: 0,
      reasons: decision.reasons,
    };
    return { move, state: decision.state };
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
  #plan(
    plan: (nodes: readonly PlannerNode[]) => PlacementResult | RecoveryResult,
    gone: ReadonlySet<RingId> = new Set(),
  ): PlannedRing {
    const result = plan(this.#nodes(['alive'], gone));
    const isShort = result.kind === 'refused' && this.#mesh.peers().some((peer) => peer.state === 'suspect');
    return plannedRing(isShort ? plan(this.#nodes(['alive', 'suspect'], gone)) : result);
  }

  #nodes(states: readonly PeerState[], gone: ReadonlySet<RingId> = new Set()): PlannerNode[] {
    return this.#cards(states).map(({ card, link }) => plannerNode(gone.size > 0 ? without(card, gone) : card, link));
  }

  #spareBytes(peer: PeerId, model: ModelId, spares: readonly StageRange[]): number {
    const card = peer === this.#mesh.self ? this.#mesh.card : this.#mesh.peer(peer)?.card;
    const own = (card?.stages ?? []).filter(
      (stage) =>
        stage.spare === true &&
        stage.model === model &&
        spares.some((spare) => spare.peer === peer && spare.from === stage.from && spare.to === stage.to),
    );
    return own.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  #cards(states: readonly PeerState[]): { readonly card: NodeCard; readonly link: LinkFacts }[] {
    const others = this.#mesh
      .peers()
      .flatMap(({ state, card, link }) => (states.includes(state) && card !== undefined ? [{ card, link }] : []));
    return [{ card: this.#mesh.card, link: LOCAL_LINK }, ...others];
  }
}

/** The card as it will be when the rings are gone. Spares count as free already. */
function without(card: NodeCard, gone: ReadonlySet<RingId>): NodeCard {
  const stages = card.stages.filter(({ ring }) => !gone.has(ring));
  const freed = card.stages.filter(({ ring, spare }) => gone.has(ring) && spare !== true);
  const freeBytes = card.memory.freeBytes + freed.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return { ...card, stages, memory: { ...card.memory, freeBytes: Math.min(card.memory.budgetBytes, freeBytes) } };
}

/** The whole model on one node, cut so that the slowest stage has as little to do as possible. */
function localStages(manifest: ModelManifest, count: number, peer: PeerId): StageRange[] {
  const costs = layerCosts(
    manifest.layers.map(({ weightBytes }) => weightBytes),
    manifest.outputBytes,
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
