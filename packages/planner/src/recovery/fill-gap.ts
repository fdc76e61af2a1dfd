import type { ChainProblem } from '../chain/chain-problem.ts';
import { ChainTables } from '../chain/chain-tables.ts';
import { exactChains } from '../chain/exact-chains.ts';
import { orderedChains } from '../chain/ordered-chains.ts';
import type { PeerId } from '@pippa/core';
import type { LinkTable } from '../link-table.ts';
import type { ModelCosts } from '../model-costs.ts';
import { PLANNER_LIMITS, POLICY, SPEED_MODEL } from '../policy.ts';
import type { SpeedModel, StageOnNode } from '../speed-model.ts';
import type { PlannerNode } from '../types.ts';
import type { Gap } from './gaps.ts';

export interface GapNeighbours {
  readonly before: PlannerNode | undefined;
  readonly after: PlannerNode | undefined;
}

/** What filling a gap is judged by. */
export interface GapContext {
  readonly costs: ModelCosts;
  readonly speed: SpeedModel;
  readonly links: LinkTable;
  readonly allowsReluctantHops: boolean;
  /** The only node that may hold the first layer; undefined: any. */
  readonly first: PeerId | undefined;
}

/** The fewest nodes with room for a gap, and of those the fastest, links to the stages beside it included; undefined: none. */
export function fillGap(
  gap: Gap,
  nodes: readonly PlannerNode[],
  neighbours: GapNeighbours,
  context: GapContext,
): StageOnNode[] | undefined {
  const isExact = nodes.length <= PLANNER_LIMITS.exactNodes;
  const roomiest = nodes.toSorted((a, b) => b.freeBytes - a.freeBytes);
  const { problem, boundaries } = gapProblem(gap, roomiest, neighbours, context);
  const tables = new ChainTables(problem);
  const chains = isExact ? exactChains(tables, nodes.length) : orderedChains(tables, [...roomiest.keys()], PLANNER_LIMITS.stages);
  const chain = chains.find((each) => each !== undefined);
  return chain?.nodes.map((index, position) => {
    const node = roomiest[index] as PlannerNode;
    const from = boundaries[chain.cuts[position] ?? 0] ?? gap.from;
    const to = boundaries[chain.cuts[position + 1] ?? 0] ?? gap.to;
    return { node, peer: node.peer, from, to };
  });
}

function gapProblem(
  gap: Gap,
  nodes: readonly PlannerNode[],
  { before, after }: GapNeighbours,
  { costs, speed, links, allowsReluctantHops, first }: GapContext,
): { readonly problem: ChainProblem; readonly boundaries: readonly number[] } {
  const boundaries = costs.boundaries.filter((boundary) => boundary >= gap.from && boundary <= gap.to);
  const layer = (boundary: number): number => boundaries[boundary] ?? gap.to;
  const node = (index: number): PlannerNode => nodes[index] as PlannerNode;
  const hopMs = (from: PlannerNode | undefined, to: PlannerNode | undefined): number => {
    if (from === undefined || to === undefined) return 0;
    if (!allowsReluctantHops && links.way(from.peer, to.peer).tier >= POLICY.reluctantTier) return Infinity;
    return speed.hopMs(from.peer, to.peer);
  };
  const hasHead = gap.to === costs.layerCount;
  const mayBegin = (each: PlannerNode): boolean => gap.from > 0 || first === undefined || each.peer === first;
  const ends = nodes.map((each) => ({
    first: mayBegin(each) && hopMs(before, each) < Infinity,
    last: hopMs(each, after) < Infinity,
  }));
  const problem: ChainProblem = {
    nodeCount: nodes.length,
    boundaryCount: boundaries.length,
    fits: (index, from, to) => {
      if (from === 0 && ends[index]?.first === false) return false;
      if (to === boundaries.length - 1 && ends[index]?.last === false) return false;
      return costs.memoryBytes(layer(from), layer(to)) <= node(index).freeBytes;
    },
    costUpTo: (index, boundary) => speed.layersMs(node(index), gap.from, layer(boundary)),
    fixedCost: (index, isLast) => SPEED_MODEL.stageOverheadMs + (isLast && hasHead ? speed.headMs(node(index)) : 0),
    hopCost: (from, to) => hopMs(node(from), node(to)),
    returnCost: (last, begin) => hopMs(before, node(begin)) + hopMs(node(last), after),
  };
  return { problem, boundaries };
}
