import { GIB, peerId, type NodeCard } from '@pippa/core';

/** A plausible card of an idle machine, to be changed where a test cares. */
export function blankCard(name: string): NodeCard {
  return {
    peer: peerId(name),
    version: 1,
    name,
    agentVersion: '0.1.0',
    protocolVersion: 1,
    platform: 'linux-x64',
    chip: 'test chip',
    memory: { totalBytes: 16 * GIB, budgetBytes: 12 * GIB, freeBytes: 12 * GIB },
    backend: 'CPU',
    memoryBandwidth: 100e9,
    computeRate: 1e12,
    performanceCores: 4,
    power: { source: 'mains' },
    thermalPressure: 'nominal',
    memoryPressure: 'normal',
    load: 0,
    models: [],
    stages: [],
    rings: [],
  };
}
