import type { NodeCard } from '@pippa/core';

/** What is needed of the machine; `Machine` fits. */
export interface CardMachine {
  readonly platform: string;
  readonly chip: string;
  readonly cores: number;
  readonly totalBytes: number;
  readonly budgetBytes: number;
}

export interface FirstCardParts {
  /** What people call the node. */
  readonly name: string;
  readonly agentVersion: string;
  readonly machine: CardMachine;
}

/** What a card has room for. */
const MAX_NAME = 64;
const MAX_CHIP = 128;

/** What a node tells of itself as it starts: the machine as it was read, and nothing measured or loaded yet. */
export function firstCard({ name, agentVersion, machine }: FirstCardParts): Omit<NodeCard, 'peer' | 'version' | 'protocolVersion'> {
  return {
    name: name.slice(0, MAX_NAME),
    agentVersion,
    platform: machine.platform,
    chip: machine.chip.slice(0, MAX_CHIP),
    memory: { totalBytes: machine.totalBytes, budgetBytes: machine.budgetBytes, freeBytes: machine.budgetBytes },
    backend: machine.platform === 'darwin-arm64' ? 'Metal' : 'CPU',
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
