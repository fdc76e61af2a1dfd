import type { Mesh, PeerId } from '@pippa/core';
import type { PlacedStage } from '@pippa/protocol';
import {
  PlacementRefusedError,
  type PlannedRing,
  type PlannedSpare,
  type PlanRequest,
  type Rebalanced,
  type RingPlanner,
} from '../../src/index.ts';

/** Layers in equal parts over this node and its living peers, at most `perNode` on each; lost layers go whole to whoever has room. */
export class EvenPlanner implements RingPlanner {
  readonly #mesh: Mesh;
  /** Layers that a node has room for. */
  perNode: number;

  constructor(mesh: Mesh, perNode: number) {
    this.#mesh = mesh;
    this.perNode = perNode;
  }

  place(request: PlanRequest): PlannedRing {
    return this.repair({ ...request, kept: [] });
  }

  repair({
    manifest,
    wish,
    excluded,
    kept,
    spares = [],
  }: PlanRequest & { readonly kept: readonly PlacedStage[]; readonly spares?: readonly PlacedStage[] }): PlannedRing {
    const layers = manifest.layers.length;
    const nodes = this.#nodes(excluded);
    const free = this.#free(nodes, kept);
    const stages: PlacedStage[] = [];
    const parts = wish.stageCount ?? Math.ceil(layers / this.perNode);
    let at = 0;
    while (at < layers) {
      const from = at;
      const isFree = (stage: PlacedStage): boolean => ![...stages, ...kept].some(({ peer }) => peer === stage.peer);
      const there = kept.find((stage) => stage.from === from) ?? spares.find((stage) => stage.from === from && isFree(stage));
      if (there !== undefined) {
        stages.push(there);
        at = there.to;
        continue;
      }
      const end = Math.min(layers, ...kept.filter((stage) => stage.from > from).map((stage) => stage.from));
      const taken = new Set<PeerId>([...stages, ...kept].map((stage) => stage.peer));
      const peer =
        nodes.find((node) => (free.get(node) ?? 0) > 0 && !taken.has(node)) ?? nodes.find((node) => (free.get(node) ?? 0) > 0);
      if (peer === undefined) throw new PlacementRefusedError(`No room for layer ${from}.`);
      const to = Math.min(end, from + Math.min(Math.ceil(layers / parts), free.get(peer) ?? 0));
      free.set(peer, (free.get(peer) ?? 0) - (to - from));
      stages.push({ peer, from, to });
      at = to;
    }
    return { stages, stageBytes: stages.map(() => 0), predictedTokensPerSecond: 10, reasons: ['evenly'] };
  }

  spares({
    excluded,
    placement,
    spares,
  }: PlanRequest & { readonly placement: readonly PlacedStage[]; readonly spares: readonly PlacedStage[] }): PlannedSpare[] {
    const nodes = this.#nodes(excluded);
    const free = this.#free(nodes, [...placement, ...spares]);
    const uncovered = placement.filter((stage) => !spares.some(({ from }) => from === stage.from) && stage.from > 0);
    return uncovered.flatMap(({ from, to }) => {
      const peer = nodes.find((node) => (free.get(node) ?? 0) >= to - from);
      if (peer === undefined) return [];
      free.set(peer, (free.get(peer) ?? 0) - (to - from));
      return [{ peer, from, to, bytes: 0, reason: 'there is room' }];
    });
  }

  /** Where layers shall move at the next look. */
  nextMove: readonly PlacedStage[] | undefined;

  rebalance({ stageMs }: Parameters<RingPlanner['rebalance']>[0]): Rebalanced {
    const stages = stageMs.length > 0 ? this.nextMove : undefined;
    if (stages !== undefined) this.nextMove = undefined;
    const state = { slowdown: new Map(), mistrust: new Map(), betterSinceMs: undefined, betterLooks: 0, restUntilMs: 0 };
    const move = stages && { stages, stageBytes: stages.map(() => 0), predictedTokensPerSecond: 10, reasons: ['a node is slow'] };
    return { move, state };
  }

  #nodes(excluded: ReadonlySet<PeerId>): PeerId[] {
    return [
      this.#mesh.self,
      ...this.#mesh
        .peers()
        .filter((peer) => peer.state === 'alive')
        .map((peer) => peer.id),
    ].filter((node) => !excluded.has(node));
  }

  /** Layers that each node may still hold. */
  #free(nodes: readonly PeerId[], held: readonly PlacedStage[]): Map<PeerId, number> {
    const free = new Map(nodes.map((node) => [node, this.perNode]));
    for (const stage of held) free.set(stage.peer, (free.get(stage.peer) ?? 0) - (stage.to - stage.from));
    return free;
  }
}
