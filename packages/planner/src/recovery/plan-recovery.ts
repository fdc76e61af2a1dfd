import { formatBytes, type PeerId } from '@pippa/core';
import { LinkTable } from '../link-table.ts';
import { ModelCosts } from '../model-costs.ts';
import { placedStage } from '../placement/placed-stages.ts';
import { planPlacement } from '../placement/plan-placement.ts';
import { SpeedModel, type StageOnNode } from '../speed-model.ts';
import type { PlannerNode, StageRange } from '../types.ts';
import { fillGap, type GapContext } from './fill-gap.ts';
import { gapsBetween, inOrder, type Gap } from './gaps.ts';
import { spareSets } from './spare-sets.ts';
import type { Recovered, RecoveryInput, RecoveryResult, StageOrigin } from './types.ts';

/**
 * The placement after nodes are gone that costs the least to reach. Surviving stages stay as they are, with their caches; what was
 * lost goes to spares, else to nodes with room outside the ring, else to those of the ring as a further stage, over several if need
 * be. Only when that is impossible are other spares dropped for it, then one surviving stage moved, and only when that does not help is
 * everything placed anew. Else a refusal that says what is missing. Pure.
 */
export function planRecovery(input: RecoveryInput): RecoveryResult {
  const { manifest, wish, survivors, lost, calibration } = input;
  const alive = survivors.filter((node) => !lost.includes(node.peer));
  const nodeOf = new Map(alive.map((node) => [node.peer, node]));
  const onNodes = (ranges: readonly StageRange[]): StageOnNode[] =>
    ranges.flatMap((range) => {
      const node = nodeOf.get(range.peer);
      return node === undefined ? [] : [{ node, ...range }];
    });
  const costs = new ModelCosts(manifest, wish);
  const links = new LinkTable(alive, input.links);
  const speed = new SpeedModel(costs, links, calibration);
  const kept = inOrder(onNodes(input.placement));
  const state: State = { input, costs, speed, links, kept, alive, spares: onNodes(input.spares) };
  // Nothing to build on: the rules of a new placement hold.
  if (kept.length === 0 && state.spares.length === 0) return placeAnew(state);
  const stages =
    fillGaps(state, false) ?? fillGaps(state, true) ?? fillGaps(withoutSpares(state), true) ?? moveOne(withoutSpares(state));
  return stages === undefined ? placeAnew(state) : recovered(state, stages);
}

interface State {
  readonly input: RecoveryInput;
  readonly costs: ModelCosts;
  readonly speed: SpeedModel;
  readonly links: LinkTable;
  /** Surviving stages in order. */
  readonly kept: readonly StageOnNode[];
  readonly alive: readonly PlannerNode[];
  readonly spares: readonly StageOnNode[];
}

/** The surviving stages untouched, and the gaps filled with as many spares as can be and nodes with room. */
function fillGaps(state: State, allowsReluctantHops: boolean): readonly StageOnNode[] | undefined {
  const { costs, kept, alive, input } = state;
  const { first, only, exclude = [] } = input.wish;
  const context: GapContext = { ...state, allowsReluctantHops, first };
  const gaps = gapsBetween(kept, costs.layerCount);
  const inRing = new Set(kept.map((stage) => stage.peer));
  const bytesOf = ({ from, to }: Gap): number => costs.weightBytes(from, to);
  const mayServe = ({ peer }: { readonly peer: PeerId }): boolean => (only?.includes(peer) ?? true) && !exclude.includes(peer);
  const mayBegin = (spare: StageRange): boolean => spare.from > 0 || first === undefined || spare.peer === first;
  const usable = state.spares.filter((spare) => mayServe(spare) && mayBegin(spare));
  for (const spares of spareSets(usable, gaps, bytesOf)) {
    let stages = inOrder([...kept, ...onNodes(spares, alive)]);
    let room = alive.filter((node) => mayServe(node) && !spares.some((spare) => spare.peer === node.peer));
    // The largest gap is the hardest to fill.
    const left = gapsBetween(stages, costs.layerCount).toSorted((a, b) => bytesOf(b) - bytesOf(a));
    const isFilled = left.every((gap) => {
      const before = stages.findLast((stage) => stage.to <= gap.from)?.node;
      const after = stages.find((stage) => stage.from >= gap.to)?.node;
      // Those outside the ring first: they have nothing to lose.
      const outside = room.filter((node) => !inRing.has(node.peer));
      const filling = fillGap(gap, outside, { before, after }, context) ?? fillGap(gap, room, { before, after }, context);
      if (filling === undefined) return false;
      stages = inOrder([...stages, ...filling]);
      room = room.filter((node) => !filling.some((stage) => stage.peer === node.peer));
      return true;
    });
    if (isFilled) return stages;
  }
  return undefined;
}

function onNodes(ranges: readonly StageRange[], nodes: readonly PlannerNode[]): StageOnNode[] {
  return ranges.flatMap((range) => {
    const node = nodes.find((each) => each.peer === range.peer);
    return node === undefined ? [] : [{ node, ...range }];
  });
}

/** All spares given back for their room. */
function withoutSpares(state: State): State {
  const { alive, spares, costs } = state;
  return {
    ...state,
    spares: [],
    alive: alive.map((node) => ({ ...node, freeBytes: node.freeBytes + bytesOn(node.peer, spares, costs) })),
  };
}

function bytesOn(peer: PeerId, stages: readonly StageRange[], costs: ModelCosts): number {
  return stages.filter((stage) => stage.peer === peer).reduce((sum, { from, to }) => sum + costs.memoryBytes(from, to), 0);
}

/** The same when one of the surviving stages gives its room back, the smallest that helps. */
function moveOne(state: State): readonly StageOnNode[] | undefined {
  const { kept, alive, costs } = state;
  const bytesOf = ({ from, to }: Gap): number => costs.memoryBytes(from, to);
  for (const moved of kept.toSorted((a, b) => bytesOf(a) - bytesOf(b))) {
    const stages = fillGaps(
      {
        ...state,
        kept: kept.filter((stage) => stage !== moved),
        alive: alive.map((node) => (node.peer === moved.peer ? { ...node, freeBytes: node.freeBytes + bytesOf(moved) } : node)),
      },
      true,
    );
    if (stages !== undefined) return stages;
  }
  return undefined;
}

/** Nothing can stay: all survivors give back what they hold of the ring, and the model is placed as if it were new. */
function placeAnew(state: State): RecoveryResult {
  const { input, costs, kept, spares, alive } = state;
  const held = (peer: PeerId): number => bytesOn(peer, [...kept, ...spares], costs);
  const nodes = alive.map((node) => ({ ...node, freeBytes: Math.min(node.budgetBytes, node.freeBytes + held(node.peer)) }));
  const { split: _split, stages: _stages, ...wish } = input.wish;
  const result = planPlacement({ ...input, nodes, wish });
  if (result.kind === 'placed') return recovered(state, onNodes(result.stages, nodes));
  const gaps = gapsBetween(kept, costs.layerCount).map(({ from, to }) => `${from} to ${to}`);
  return {
    ...result,
    reasons: [`Layers ${gaps.join(', ')} are lost, and nobody who is left has room for them.`, ...result.reasons],
  };
}

function recovered(state: State, stages: readonly StageOnNode[]): Recovered {
  const { costs, speed, input } = state;
  const origins = stages.map((stage) => originOf(stage, state));
  const isLoaded = (_: StageOnNode, index: number): boolean => origins[index] === 'loaded' || origins[index] === 'rebuilt';
  const loadBytes = stages.filter(isLoaded).reduce((sum, { from, to }) => sum + costs.memory(from, to).weights, 0);
  const remarks = stages.filter(
    (_, index) => origins[index] !== 'rebuilt' && origins[index] !== 'kept' && stages[index]?.node.remark !== undefined,
  );
  return {
    kind: 'recovered',
    stages: stages.map((stage, index) => ({ ...placedStage(stage, costs, speed), origin: origins[index] ?? 'loaded' })),
    dropped: droppedSpares(state, stages.filter(isLoaded), stages),
    loadBytes,
    predicted: speed.predict(stages, input.wish),
    reasons: stages.map((stage, index) => reasonOf(stage, origins[index] ?? 'loaded', costs)),
    warnings: remarks.map(({ node }) => `${node.name} ${node.remark}.`),
  };
}

/** The spares that are not used, of nodes that have no room for what they load beside them. */
function droppedSpares(
  { spares, alive, costs }: State,
  loaded: readonly StageOnNode[],
  stages: readonly StageOnNode[],
): StageRange[] {
  return spares
    .filter(({ peer, from, to }) => {
      const free = alive.find((node) => node.peer === peer)?.freeBytes ?? 0;
      const isUsed = stages.some((stage) => stage.peer === peer && stage.from === from && stage.to === to);
      return !isUsed && bytesOn(peer, loaded, costs) > free;
    })
    .map(({ peer, from, to }) => ({ peer, from, to }));
}

function originOf(stage: StageOnNode, { kept, spares }: State): StageOrigin {
  const isSame = (other: StageRange): boolean => other.peer === stage.peer && other.from === stage.from && other.to === stage.to;
  if (kept.some(isSame)) return 'kept';
  if (spares.some(isSame)) return 'spare';
  return kept.some((other) => other.peer === stage.peer && other.from < stage.to && stage.from < other.to) ? 'rebuilt' : 'loaded';
}

function reasonOf({ node, from, to }: StageOnNode, origin: StageOrigin, costs: ModelCosts): string {
  const layers = `layers ${from} to ${to}`;
  switch (origin) {
    case 'kept':
      return `${node.name} keeps ${layers}.`;
    case 'spare':
      return `${node.name} has a copy of ${layers} ready.`;
    case 'rebuilt':
      return `${node.name} takes ${layers} instead of its own, because nobody else has room: it loads ${formatBytes(costs.memory(from, to).weights)}.`;
    case 'loaded':
    default:
      return `${node.name} has room for ${layers}: it loads ${formatBytes(costs.memory(from, to).weights)}.`;
  }
}
