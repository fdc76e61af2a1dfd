import type { PeerId } from '@pippa/core';
import { chainExists } from '../chain/exists.ts';
import { LinkTable } from '../link-table.ts';
import { ModelCosts } from '../model-costs.ts';
import { PLANNER_LIMITS, POLICY } from '../policy.ts';
import { SpeedModel } from '../speed-model.ts';
import type { PlacementInput, PlacementResult, PlannerNode } from '../types.ts';
import { chooseChain } from './choose-chain.ts';
import { explain, warn } from './explain.ts';
import { checkAssignment } from './explicit-assignment.ts';
import { placedOf, type PlacementContext } from './placed-stages.ts';
import { PlacementProblem, type Level } from './placement-problem.ts';
import { refuse } from './refuse.ts';

/**
 * Decides which nodes hold which layers, and says why; or refuses and says what is missing. Pure, and the same for the same input,
 * in whatever order the nodes come.
 */
export function planPlacement(input: PlacementInput): PlacementResult {
  const { manifest, wish } = input;
  const nodes = candidates(input);
  const costs = new ModelCosts(manifest, wish);
  const links = new LinkTable(nodes, input.links);
  const speed = new SpeedModel(costs, links, input.calibration);
  const context: PlacementContext = { nodes, costs, links, speed, input };
  if (wish.stages !== undefined) return checkAssignment(wish.stages, context);
  const levels = levelsOf(nodes, links, wish.first);
  for (const level of levels) {
    const problem = new PlacementProblem(level, context);
    // Much cheaper to know than which is the best.
    if (!chainExists(problem.chains, problem.byRoom)) continue;
    const choice = chooseChain(problem, speed, wish);
    if (choice === undefined) continue;
    const placed = placedOf(choice.stages, context);
    const facts = { placed, stages: choice.stages, level, nodes, links, costs, wish };
    return { ...placed, reasons: [...explain(facts), ...choice.remarks, ...placed.reasons], warnings: warn(facts) };
  }
  return refuse(context);
}

/** Those that may hold a stage, in an order of their own. */
function candidates({ nodes, wish }: PlacementInput): PlannerNode[] {
  const isAllowed = (node: PlannerNode): boolean =>
    (wish.only?.includes(node.peer) ?? true) && !(wish.exclude?.includes(node.peer) ?? false);
  return nodes
    .filter(isAllowed)
    .toSorted((a, b) => b.freeBytes - a.freeBytes || (a.peer < b.peer ? -1 : 1))
    .slice(0, PLANNER_LIMITS.nodes);
}

/** From what is wanted to what memory may force: first tight memory, then Wi-Fi, then both. */
function levelsOf(nodes: readonly PlannerNode[], links: LinkTable, first: PeerId | undefined): readonly Level[] {
  const peers = nodes.map((node) => node.peer);
  // Whoever must conduct is there anyway, however it is reached.
  const wired = nodes.filter((node) => node.peer === first || links.tier(node.peer, peers) < POLICY.reluctantTier);
  const near = wired.length > 0 ? wired : nodes;
  const roomy = { soloShare: POLICY.soloShare, stageShare: POLICY.stageShare };
  const tight = { soloShare: 1, stageShare: 1 };
  return [
    { nodes: near, ...roomy, allowsReluctantHops: false },
    { nodes: near, ...tight, allowsReluctantHops: false },
    { nodes, ...roomy, allowsReluctantHops: true },
    { nodes, ...tight, allowsReluctantHops: true },
  ];
}
