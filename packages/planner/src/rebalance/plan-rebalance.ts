import type { PeerId } from '@pippa/core';
import { LinkTable } from '../link-table.ts';
import { ModelCosts } from '../model-costs.ts';
import { percent } from '../placement/choose-chain.ts';
import { planPlacement } from '../placement/plan-placement.ts';
import { POLICY, REBALANCE } from '../policy.ts';
import { SpeedModel, type StageOnNode } from '../speed-model.ts';
import type { Placed, PlannerNode, StageRange } from '../types.ts';
import { forgive, isMistrusted, rememberMove, smooth, START } from './state.ts';
import type { RebalanceDecision, RebalanceInput, RebalanceState } from './types.ts';

/**
 * Looks at a ring's measured stage times and says whether layers should move off a node that has become slow. Called every few
 * seconds with the state of the last call; a move is for between requests, and to be carried out or not: the state takes it as done.
 *
 * Never back and forth: measurements are smoothed; the gain must be large and last; nothing moves for a while after a move; and a node
 * that lost layers gets none back before a time that doubles with every further loss. Pure.
 */
export function planRebalance(input: RebalanceInput): RebalanceDecision {
  const { nowMs, placement, wish } = input;
  const before = input.state ?? START;
  const stages = onNodes(input);
  const costs = new ModelCosts(input.manifest, wish);
  const measured = ratios(input, stages, costs);
  const state: RebalanceState = { ...before, slowdown: forgive(smooth(before.slowdown, measured), measured, before, nowMs) };
  const stay = (reason: string, gain: number, next: Partial<RebalanceState> = {}): RebalanceDecision => ({
    kind: 'stay',
    stages: placement,
    gain,
    reasons: [reason],
    state: { ...state, betterSinceMs: undefined, betterLooks: 0, ...next },
  });
  // A stage on a node that is gone is a matter of recovery.
  if (stages.length < placement.length) return stay('A stage has no node.', 0);
  if (nowMs < state.restUntilMs) return stay('The last move is too fresh to be judged.', 0);
  if (isEven(state, placement, input.nodes)) return stay('No node has become slower than the others.', 0);

  const better = betterPlacement(input, stages, costs, state);
  if (better === undefined) return stay('No placement is faster enough.', 0);
  const { placed, gain } = better;
  const betterSinceMs = state.betterSinceMs ?? nowMs;
  const betterLooks = state.betterLooks + 1;
  if (nowMs - betterSinceMs < REBALANCE.sustainMs || betterLooks < REBALANCE.looks)
    return stay(`Another placement would be ${percent(gain)} faster; it must last.`, gain, { betterSinceMs, betterLooks });
  const name = (peer: PeerId): string => input.nodes.find((node) => node.peer === peer)?.name ?? peer;
  const losers = placement.filter(({ peer }) => layersOf(peer, placed.stages) < layersOf(peer, placement)).map(({ peer }) => peer);
  const slowest = losers.map((peer) => `${name(peer)} (${(state.slowdown.get(peer) ?? 1).toFixed(1)} x its predicted time)`);
  return {
    kind: 'move',
    stages: placed.stages,
    gain,
    reasons: [`Layers move off ${slowest.join(', ')}: a token is ${percent(gain)} faster then.`],
    state: rememberMove(state, losers, nowMs),
  };
}

/** The fastest placement by the measured speeds that gives nothing to nodes that are not trusted; undefined: none is faster enough. */
function betterPlacement(
  input: RebalanceInput,
  stages: readonly StageOnNode[],
  costs: ModelCosts,
  state: RebalanceState,
): { readonly placed: Placed; readonly gain: number } | undefined {
  const { placement, links, manifest, nowMs } = input;
  const calibration = { slowdown: state.slowdown, measured: new Map() };
  const nodes = withOwnRoom(input, state, costs);
  const { stages: _stages, split: _split, ...rest } = input.wish;
  const conductor = placement[0]?.peer;
  const wish = conductor === undefined ? rest : { ...rest, first: conductor };
  const speed = new SpeedModel(costs, new LinkTable(nodes, links), calibration);
  const { decodeTokensPerSecond, throughputTokensPerSecond } = speed.predict(stages, wish);
  const inRing = placement.map((stage) => stage.peer);

  const tried = [inRing, nodes.map((node) => node.peer)].map((only) => {
    const trusted = only.filter((peer) => inRing.includes(peer) || !isMistrusted(peer, state, nowMs));
    const placed = planPlacement({ nodes, links, manifest, wish: { ...wish, only: trusted }, calibration });
    if (placed.kind === 'refused') return undefined;
    if (
      placed.stages.some(
        ({ peer }) => isMistrusted(peer, state, nowMs) && layersOf(peer, placed.stages) > layersOf(peer, placement),
      )
    )
      return undefined;
    const gain =
      wish.strategy === 'throughput'
        ? placed.predicted.throughputTokensPerSecond / throughputTokensPerSecond - 1
        : placed.predicted.decodeTokensPerSecond / decodeTokensPerSecond - 1;
    return gain >= REBALANCE.gain ? { placed, gain } : undefined;
  });
  const [within, anywhere] = tried;
  // A further node joins only where it is worth as much again.
  if (within !== undefined && (anywhere === undefined || anywhere.gain < within.gain + REBALANCE.gain)) return within;
  return anywhere;
}

/**
 * Nodes with what their stages of this ring take counted as free: it is what is to be placed. Those that are not trusted have just
 * that.
 */
function withOwnRoom({ nodes, placement, nowMs }: RebalanceInput, state: RebalanceState, costs: ModelCosts): PlannerNode[] {
  return nodes.map((node) => {
    const stages = placement.filter((stage) => stage.peer === node.peer);
    const own = stages.reduce((sum, { from, to }) => sum + costs.memoryBytes(from, to), 0);
    const most = isMistrusted(node.peer, state, nowMs) ? own + (1 - POLICY.stageShare) * node.budgetBytes : node.budgetBytes;
    return { ...node, freeBytes: Math.min(most, node.freeBytes + own) };
  });
}

/** Whether no node of the ring is so much slower than the fastest anywhere, by its own measure, that moving could pay. */
function isEven(state: RebalanceState, placement: readonly StageRange[], nodes: readonly PlannerNode[]): boolean {
  const slowdowns = placement.map(({ peer }) => state.slowdown.get(peer) ?? 1);
  const fastest = Math.min(...slowdowns, ...nodes.map(({ peer }) => state.slowdown.get(peer) ?? Infinity));
  return Math.max(...slowdowns) < fastest * (1 + REBALANCE.gain);
}

/** Measured over modelled time, of the nodes that were measured. */
function ratios({ stageMs, nodes, links }: RebalanceInput, stages: readonly StageOnNode[], costs: ModelCosts): Map<PeerId, number> {
  const speed = new SpeedModel(costs, new LinkTable(nodes, links), undefined);
  const times = new Map<PeerId, { measuredMs: number; modelledMs: number }>();
  stages.forEach(({ node, peer, from, to }, index) => {
    const measuredMs = stageMs[index] ?? 0;
    if (!(measuredMs > 0)) return;
    const sum = times.get(peer) ?? { measuredMs: 0, modelledMs: 0 };
    times.set(peer, { measuredMs: sum.measuredMs + measuredMs, modelledMs: sum.modelledMs + speed.stageMs(node, from, to) });
  });
  return new Map([...times].map(([peer, { measuredMs, modelledMs }]) => [peer, measuredMs / modelledMs]));
}

function onNodes({ placement, nodes }: RebalanceInput): StageOnNode[] {
  return placement.flatMap((stage) => {
    const node = nodes.find((each) => each.peer === stage.peer);
    return node === undefined ? [] : [{ node, ...stage }];
  });
}

function layersOf(peer: PeerId, stages: readonly StageRange[]): number {
  return stages.filter((stage) => stage.peer === peer).reduce((sum, { from, to }) => sum + to - from, 0);
}
