import type { Chain, ChainProblem } from '../chain/chain-problem.ts';
import type { Weights } from '../chain/smallest-bottleneck.ts';
import type { ModelCosts } from '../model-costs.ts';
import { LOCAL_LINK } from '../planner-node.ts';
import { PLANNER_LIMITS, POLICY, PREFERENCES, SPEED_MODEL } from '../policy.ts';
import type { SpeedModel, StageOnNode } from '../speed-model.ts';
import type { PlannerNode } from '../types.ts';
import type { PlacementContext } from './placed-stages.ts';

/** How much of their budgets nodes give, and whether Wi-Fi may carry activations. */
export interface Level {
  readonly nodes: readonly PlannerNode[];
  readonly soloShare: number;
  readonly stageShare: number;
  readonly allowsReluctantHops: boolean;
}

/** A model over the nodes of a level, as chains and back. */
export class PlacementProblem {
  readonly level: Level;
  readonly chains: ChainProblem;
  readonly #costs: ModelCosts;
  readonly #speed: SpeedModel;
  readonly #maxRows: number;

  constructor(level: Level, { costs, speed, links, input }: PlacementContext) {
    this.level = level;
    this.#costs = costs;
    this.#speed = speed;
    this.#maxRows = input.wish.maxRows;
    const { nodes } = level;
    const { first } = input.wish;
    const { boundaries } = costs;
    const end = boundaries.length - 1;
    const node = (index: number): PlannerNode => nodes[index] as PlannerNode;
    const at = (boundary: number): number => boundaries[boundary] ?? 0;
    const layers = nodes.map((each) => Float64Array.from(boundaries, (boundary) => speed.layersMs(each, 0, boundary)));
    const fixed = nodes.map((each) => SPEED_MODEL.stageOverheadMs + preferenceMs(each, costs));
    const heads = nodes.map((each) => speed.headMs(each));
    const soloLimits = nodes.map((each) => limitBytes(each, level.soloShare));
    const stageLimits = nodes.map((each) => limitBytes(each, level.stageShare));
    const hops = nodes.map((a) =>
      nodes.map((b) => {
        if (a === b) return 0;
        const isForbidden = !level.allowsReluctantHops && links.way(a.peer, b.peer).tier >= POLICY.reluctantTier;
        return isForbidden ? Infinity : speed.hopMs(a.peer, b.peer);
      }),
    );
    this.chains = {
      nodeCount: nodes.length,
      boundaryCount: boundaries.length,
      fits: (index, from, to) => {
        if (from === 0 && first !== undefined && node(index).peer !== first) return false;
        const limits = from === 0 && to === end ? soloLimits : stageLimits;
        return costs.memoryBytes(at(from), at(to)) <= (limits[index] ?? 0);
      },
      costUpTo: (index, boundary) => layers[index]?.[boundary] ?? Infinity,
      fixedCost: (index, isLast) => (fixed[index] ?? 0) + (isLast ? (heads[index] ?? 0) : 0),
      hopCost: (from, to) => hops[from]?.[to] ?? Infinity,
      returnCost: (from, to) => (from === to ? 0 : speed.backMs(node(from).peer, node(to).peer)),
    };
  }

  /** How full a stage's node is, 1: to its limit. */
  get fullness(): Weights {
    const { nodes, stageShare } = this.level;
    const { boundaries } = this.#costs;
    const limits = nodes.map((node) => limitBytes(node, stageShare));
    return {
      stage: (node, from, to) => this.#costs.memoryBytes(boundaries[from] ?? 0, boundaries[to] ?? 0) / (limits[node] ?? 1),
      hop: (from, to) => (this.chains.hopCost(from, to) === Infinity ? Infinity : 0),
    };
  }

  /** How long a step of `rows` tokens, with its share of prompts, keeps a stage busy, and how long the step does a link. */
  busyMs(rows: number): Weights {
    const { nodes } = this.level;
    const { boundaries } = this.#costs;
    return {
      stage: (index, from, to) => {
        const node = nodes[index] as PlannerNode;
        const stage = { node, peer: node.peer, from: boundaries[from] ?? 0, to: boundaries[to] ?? 0 };
        return this.#speed.shareMs(stage, rows, this.#maxRows);
      },
      hop: (from, to) =>
        this.chains.hopCost(from, to) === Infinity
          ? Infinity
          : this.#speed.transferMs((nodes[from] as PlannerNode).peer, (nodes[to] as PlannerNode).peer, rows),
    };
  }

  /** Orders that are tried when there are too many nodes to try all: by room, by speed, and from the first of these to whatever is nearest. */
  get orders(): readonly (readonly number[])[] {
    if (this.level.nodes.length <= PLANNER_LIMITS.exactNodes) return [];
    const byRoom = this.byRoom;
    const bySpeed = this.#by((node) => node.memoryBandwidth);
    return [byRoom, bySpeed, this.#nearest(byRoom[0]), this.#nearest(bySpeed[0])];
  }

  /** The nodes with the most room first. */
  get byRoom(): readonly number[] {
    return this.#by((node) => limitBytes(node, this.level.stageShare));
  }

  stagesOf({ nodes, cuts }: Chain): StageOnNode[] {
    return nodes.map((index, position) => {
      const node = this.level.nodes[index] as PlannerNode;
      const from = this.#costs.boundaries[cuts[position] ?? 0] ?? 0;
      const to = this.#costs.boundaries[cuts[position + 1] ?? 0] ?? 0;
      return { node, peer: node.peer, from, to };
    });
  }

  #by(value: (node: PlannerNode) => number): number[] {
    const { nodes } = this.level;
    return [...nodes.keys()].sort((a, b) => value(nodes[b] as PlannerNode) - value(nodes[a] as PlannerNode));
  }

  #nearest(start: number | undefined): number[] {
    const left = new Set(this.level.nodes.keys());
    const order: number[] = [];
    for (let next = start; next !== undefined;) {
      order.push(next);
      left.delete(next);
      const from = next;
      const distance = (node: number): number => Math.min(Number.MAX_VALUE, this.chains.hopCost(from, node));
      next = [...left].sort((a, b) => distance(a) - distance(b))[0];
    }
    return order;
  }
}

/** What a node gives to one stage: what is free, less what is to stay free of its budget. */
export function limitBytes(node: PlannerNode, share: number): number {
  return Math.max(0, node.freeBytes - (1 - share) * node.budgetBytes);
}

function preferenceMs(node: PlannerNode, costs: ModelCosts): number {
  return (
    (node.models.includes(costs.manifest.id) ? 0 : PREFERENCES.withoutCopyMs) +
    (node.link === LOCAL_LINK ? 0 : PREFERENCES.elsewhereMs) +
    (node.power === 'battery' ? PREFERENCES.onBatteryMs : 0) +
    PREFERENCES.busyMs * node.load
  );
}
