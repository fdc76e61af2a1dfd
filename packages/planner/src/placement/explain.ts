import { formatBytes } from '@pippa/core';
import type { LinkTable } from '../link-table.ts';
import type { ModelCosts } from '../model-costs.ts';
import { POLICY } from '../policy.ts';
import type { StageOnNode } from '../speed-model.ts';
import type { Placed, PlannerNode, Strategy, Wish } from '../types.ts';
import { percent } from './choose-chain.ts';
import { limitBytes, type Level } from './placement-problem.ts';

export const TIER_NAMES = ['the same machine', 'Thunderbolt', 'wired Ethernet', 'Wi-Fi or unknown'] as const;

export interface Facts {
  readonly placed: Pick<Placed, 'stages' | 'predicted'>;
  readonly stages: readonly StageOnNode[];
  readonly level: Pick<Level, 'soloShare' | 'allowsReluctantHops'>;
  /** All that might have held a stage. */
  readonly nodes: readonly PlannerNode[];
  readonly links: LinkTable;
  readonly costs: ModelCosts;
  readonly wish: Wish;
}

const STRATEGY_TEXTS: Readonly<Record<Strategy, string>> = {
  memory: 'Layers are shared out so that the fullest node is as empty as can be.',
  speed: 'Layers, nodes and their order are those of the shortest time a token.',
  throughput: 'Layers are shared out so that the slowest stage is as fast as can be.',
};

/** Why the placement is as it is, for people. */
export function explain(facts: Facts): string[] {
  const { placed, stages, nodes, costs, wish } = facts;
  const [first] = stages;
  const [stage] = placed.stages;
  if (first === undefined || stage === undefined) return [];
  if (stages.length === 1) {
    const share = percent(stage.memory.total / first.node.budgetBytes);
    const fit = `${costs.manifest.name} takes ${formatBytes(stage.memory.total)}, ${share} of what ${first.node.name} gives models`;
    if (facts.level.soloShare === POLICY.soloShare)
      return [`${fit}: up to ${percent(POLICY.soloShare)} it runs on one node alone.`, ...whyThisOne(facts)];
    const { budgetBytes, freeBytes } = first.node;
    const loaded = Math.max(0, budgetBytes - freeBytes);
    const together = loaded > 0 ? `, ${percent((loaded + stage.memory.total) / budgetBytes)} with what is loaded there` : '';
    return [`${fit}${together}: more than ${percent(POLICY.soloShare)}, but no better split is possible.`];
  }
  const count = stages.length;
  return [
    wish.split === count
      ? `${count} stages, as asked for.`
      : wish.strategy === 'throughput'
        ? `${count} nodes: fewer do not fit or give less, a further one would not give ${percent(POLICY.worthwhileGain)} more tokens a second.`
        : whySplit(facts, nodes),
    STRATEGY_TEXTS[wish.strategy],
    ...hopsOf(facts),
    ...leftOut(facts),
  ];
}

/** What the person may not like about it. */
export function warn({ placed, stages, links, nodes, wish, costs, level }: Facts): string[] {
  const { decodeTokensPerSecond, networkShare, firstTokenMs } = placed.predicted;
  const marks = POLICY.interactive;
  const warnings: string[] = [];
  if (stages.length > 1 && networkShare >= POLICY.networkShare)
    warnings.push(`The network takes ${percent(networkShare)} of a token's time: a node more would not make it faster.`);
  // As it is told: 14.97 are the 15.
  const told = Number(decodeTokensPerSecond.toFixed(1));
  if (wish.lane === 'interactive' && told < marks.tokensPerSecond) {
    const rate = `${told.toFixed(1)} tokens/s predicted`;
    warnings.push(
      told < marks.warnTokensPerSecond
        ? `${rate}: too slow to talk to (below ${marks.warnTokensPerSecond}); a smaller model or a stronger quantisation would be faster.`
        : `${rate}: below the ${marks.tokensPerSecond} that a conversation wants.`,
    );
  }
  if (wish.lane === 'interactive' && firstTokenMs > marks.firstTokenMs)
    warnings.push(`The first token of a new prompt takes about ${(firstTokenMs / 1000).toFixed(1)} s; of one that goes on, less.`);
  const tightest = placed.stages
    .map((stage, index) => ({ stage, node: stages[index]?.node }))
    .filter(({ stage, node }) => node !== undefined && stage.memory.total > limitBytes(node, POLICY.stageShare));
  for (const { stage, node } of tightest)
    warnings.push(
      `${node?.name} is filled to the brim: ${formatBytes(stage.memory.total)} of ${formatBytes(node?.freeBytes ?? 0)} free.`,
    );
  const reluctant = stages.slice(1).flatMap((stage, index) => {
    const before = stages[index] ?? stage;
    return links.way(before.peer, stage.peer).tier >= POLICY.reluctantTier ? [before.node, stage.node] : [];
  });
  if (level.allowsReluctantHops && reluctant.length > 0)
    warnings.push(
      reluctant.some(isOnWifi)
        ? 'There is no other way than over Wi-Fi: a cable would make it faster and steadier.'
        : 'There is no other way than over a network of unknown kind: if it is Wi-Fi, a cable would make it faster and steadier.',
    );
  for (const { node } of stages) if (node.remark !== undefined) warnings.push(`${node.name} ${node.remark}.`);
  if (costs.manifest.contextLength > 0 && wish.contextTokens > costs.manifest.contextLength)
    warnings.push(`The model was trained for ${costs.manifest.contextLength} tokens; ${wish.contextTokens} are asked for.`);
  for (const { node } of stages)
    if (node.power === 'battery' && nodes.length > stages.length) warnings.push(`${node.name} runs on battery and may leave.`);
  return warnings;
}

function whyThisOne({ stages, nodes }: Facts): string[] {
  const [chosen] = stages;
  return nodes.length > 1 && chosen !== undefined
    ? [`Of the nodes that it fits, ${chosen.node.name} is predicted to be the fastest.`]
    : [];
}

function whySplit({ stages, costs, level }: Facts, nodes: readonly PlannerNode[]): string {
  const whole = costs.memoryBytes(0, costs.layerCount);
  const roomiest = nodes.toSorted((a, b) => limitBytes(b, level.soloShare) - limitBytes(a, level.soloShare))[0];
  const limit = roomiest === undefined ? 0 : limitBytes(roomiest, level.soloShare);
  const best = `the roomiest, ${roomiest?.name ?? 'none'}, takes ${formatBytes(limit)} alone (${percent(level.soloShare)} of its budget, less what is loaded)`;
  return `${costs.manifest.name} takes ${formatBytes(whole)} on one node, and ${best}: it is split over ${stages.length}.`;
}

function hopsOf({ stages, links }: Facts): string[] {
  return stages.slice(1).map((stage, index) => {
    const before = stages[index] ?? stage;
    const { tier, roundTripMs } = links.way(before.peer, stage.peer);
    return `${before.node.name} hands over to ${stage.node.name} by ${TIER_NAMES[tier]}, ${roundTripMs.toFixed(1)} ms round trip.`;
  });
}

function leftOut({ stages, nodes, links, level }: Facts): string[] {
  const used = new Set(stages.map((stage) => stage.peer));
  const peers = nodes.map((node) => node.peer);
  return nodes
    .filter((node) => !used.has(node.peer) && !level.allowsReluctantHops && links.tier(node.peer, peers) >= POLICY.reluctantTier)
    .map(
      (node) =>
        `${node.name} is on ${isOnWifi(node) ? 'Wi-Fi' : 'a network of unknown kind'} and holds no stage: memory does not force it.`,
    );
}

function isOnWifi({ link }: PlannerNode): boolean {
  return link.interfaceType === 'wifi';
}
