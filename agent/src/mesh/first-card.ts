import type { NodeCard } from '@pippa/core';
import type { Machine } from '../machine.ts';

export interface FirstCardParts {
  /** What people call the node. */
  readonly name: string;
  readonly agentVersion: string;
  readonly machine: Pick<Machine, 'platform' | 'chip' | 'backend' | 'cores' | 'totalBytes' | 'budgetBytes'>;
}

/** A card without what the mesh adds. */
export type CardContent = Omit<NodeCard, 'peer' | 'version' | 'protocolVersion'>;

/** What a card has room for. */
const MAX_NAME = 64;
const MAX_CHIP = 128;

/** What a node tells of itself as it starts: the machine as it was read, and nothing measured or loaded yet. */
export function firstCard({ name, agentVersion, machine }: FirstCardParts): CardContent {
  return {
    name: name.slice(0, MAX_NAME),
    agentVersion,
    platform: machine.platform,
    chip: machine.chip.slice(0, MAX_CHIP),
    memory: { totalBytes: machine.totalBytes, budgetBytes: machine.budgetBytes, freeBytes: machine.budgetBytes },
    backend: machine.backend ?? (machine.platform === 'darwin-arm64' ? 'Metal' : 'CPU'),
    memoryBandwidth: 0,
    computeRate: 0,
    performanceCores: machine.cores,
    power: { source: 'unknown' },
    thermalPressure: 'unknown',
    memoryPressure: 'unknown',
    load: 0,
    models: [],
    stages: [],
    rings: [],
  };
}
