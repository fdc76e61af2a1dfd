import { peerId, systemClock, type Clock, type Logger, type NodeCard } from '@pippa/core';
import type { Machine } from '../machine.ts';
import type { AgentPaths } from '../paths.ts';
import { firstCard } from './first-card.ts';
import { keepCardFresh, type CardChange } from './keep-card-fresh.ts';
import type { MeshState } from './mesh-administration.ts';

export interface StartMeshParts {
  readonly version: string;
  readonly paths: AgentPaths;
  readonly machine: Machine;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** This node's place among others, or alone. */
export interface AgentMesh {
  state(): MeshState;
  stop(): Promise<void>;
}

export function startMesh({ version, paths, machine, logger, clock = systemClock }: StartMeshParts): AgentMesh {
  const name = machine.name;
  const first = { peer: peerId('this-node'), name, agentVersion: version, protocolVersion: 0, machine, wallMs: clock.wallMs() };
  let card: NodeCard = firstCard(first);
  const updateCard = (change: CardChange): void => {
    card = { ...card, ...change, version: card.version + 1 };
  };
  const stopCard = keepCardFresh({ hardware: machine.hardware, cachePath: paths.measurements, logger, updateCard });
  return {
    state: () => ({ state: 'off', reason: 'it is not there yet.', card }),
    stop: async () => stopCard(),
  };
}
