import type { LinkFacts, NodeCard } from '@pippa/core';
import { POLICY, SPEED_MODEL, THERMAL_SPEED } from './policy.ts';
import type { PlannerNode } from './types.ts';

/** The way of a node to itself. */
export const LOCAL_LINK: LinkFacts = {
  tier: 0,
  interfaceType: 'loopback',
  roundTripMs: { p50: 0, p99: 0 },
  throughput: 0,
};

/** `link`: the way there from the node that plans; `LOCAL_LINK` for its own card. */
export function plannerNode(card: NodeCard, link: LinkFacts): PlannerNode {
  const { budgetBytes, freeBytes } = card.memory;
  const speed = THERMAL_SPEED[card.thermalPressure];
  const isCramped = card.memoryPressure === 'critical';
  const isOverheated = card.thermalPressure === 'critical';
  const isFading = hasLowBattery(card.power);
  const bandwidth = card.memoryBandwidth > 0 ? card.memoryBandwidth : SPEED_MODEL.unknownBandwidth;
  const computeRate = card.computeRate > 0 ? card.computeRate : bandwidth * SPEED_MODEL.operationsPerByte;
  const remarks = [
    ...(speed < 1 && !isOverheated ? [`is hot and counted as ${Math.round(speed * 100)}% as fast`] : []),
    ...(isCramped ? ['is short of memory and takes no more'] : []),
    ...(isOverheated ? ['is too hot and takes no more'] : []),
    ...(isFading ? ['is low on battery and takes no more'] : []),
  ];
  return {
    peer: card.peer,
    name: card.name,
    budgetBytes,
    freeBytes: isCramped || isOverheated || isFading ? 0 : Math.max(0, Math.min(freeBytes, budgetBytes)),
    memoryBandwidth: bandwidth * speed,
    computeRate: computeRate * speed,
    link,
    power: card.power.source,
    load: card.load,
    models: card.models.filter((model) => model.presentBytes >= model.fileBytes).map((model) => model.id),
    ...(card.stages.length > 0 ? { loaded: card.stages.map(({ model, from, to }) => ({ model, from, to })) } : {}),
    ...(remarks.length > 0 ? { remark: remarks.join(' and ') } : {}),
  };
}

/** The machine will be off soon. */
export function hasLowBattery({ source, batteryPercent = 100 }: NodeCard['power']): boolean {
  return source === 'battery' && batteryPercent <= POLICY.lowBatteryPercent;
}
