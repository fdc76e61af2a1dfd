import { formatBytes } from '@pippa/core';
import { LinkTable } from '../link-table.ts';
import { ModelCosts } from '../model-costs.ts';
import { limitBytes } from '../placement/placement-problem.ts';
import { POLICY, SPARES } from '../policy.ts';
import type { PlacementInput, PlannerNode, StageMemory, StageRange } from '../types.ts';

export interface SparesInput extends Omit<PlacementInput, 'calibration'> {
  /** The ring's stages. */
  readonly placement: readonly StageRange[];
  /** Copies that are loaded already. */
  readonly spares: readonly StageRange[];
}

export interface PlannedSpare extends StageRange {
  readonly memory: StageMemory;
  readonly reason: string;
}

/**
 * Second copies of stages, as many as free memory allows beside what is loaded, those most likely to be needed first: of laptops on
 * battery, then of nodes on Wi-Fi, then of the others. Copies go to the steadiest nodes, never onto the node they stand in for.
 * `nodes`: as for `planRecovery`, free beside what they hold. Only new spares are in the answer. Pure.
 */
export function planSpares({ nodes, links, manifest, wish, placement, spares }: SparesInput): readonly PlannedSpare[] {
  const costs = new ModelCosts(manifest, wish);
  const table = new LinkTable(nodes, links);
  const peers = nodes.map((node) => node.peer);
  const risk = (node: PlannerNode | undefined): number => {
    if (node === undefined) return 0;
    const power = SPARES.powerRisk[node.power];
    return power + (table.tier(node.peer, peers) >= POLICY.reluctantTier ? SPARES.wifiRisk : 0);
  };
  const holder = (stage: StageRange): PlannerNode | undefined => nodes.find((node) => node.peer === stage.peer);
  const room = new Map(nodes.map((node) => [node.peer, limitBytes(node, SPARES.share)]));
  const inRing = new Set(placement.map((stage) => stage.peer));
  const isCovered = (stage: StageRange): boolean =>
    spares.some((spare) => spare.from === stage.from && spare.to === stage.to && spare.peer !== stage.peer);
  const planned: PlannedSpare[] = [];
  for (const stage of placement.toSorted((a, b) => risk(holder(b)) - risk(holder(a)) || a.from - b.from)) {
    if (isCovered(stage)) continue;
    const memory = costs.memory(stage.from, stage.to);
    const [host] = nodes
      .filter((node) => node.peer !== stage.peer && memory.total <= (room.get(node.peer) ?? 0))
      .toSorted(
        (a, b) =>
          risk(a) - risk(b) ||
          Number(inRing.has(a.peer)) - Number(inRing.has(b.peer)) ||
          (room.get(b.peer) ?? 0) - (room.get(a.peer) ?? 0) ||
          (a.peer < b.peer ? -1 : 1),
      );
    if (host === undefined) continue;
    room.set(host.peer, (room.get(host.peer) ?? 0) - memory.total);
    const { from, to } = stage;
    planned.push({ peer: host.peer, from, to, memory, reason: reasonOf(holder(stage), host, stage, memory, table, peers) });
  }
  return planned;
}

function reasonOf(
  holder: PlannerNode | undefined,
  host: PlannerNode,
  { peer, from, to }: StageRange,
  memory: StageMemory,
  table: LinkTable,
  peers: readonly PlannerNode['peer'][],
): string {
  const why =
    holder?.power === 'battery'
      ? 'runs on battery'
      : holder !== undefined && table.tier(holder.peer, peers) >= POLICY.reluctantTier
        ? 'is on Wi-Fi'
        : 'might fail';
  return `${holder?.name ?? peer} ${why}: ${host.name} keeps a copy of layers ${from} to ${to} (${formatBytes(memory.total)}).`;
}
