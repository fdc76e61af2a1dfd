import { systemClock, type Clock, type Logger, type Mesh } from '@pippa/core';
import { SoloMesh } from '@pippa/mesh/solo';
import type { Machine } from '../machine.ts';
import type { AgentPaths } from '../paths.ts';
import { firstCard } from './first-card.ts';
import { keepCardFresh } from './keep-card-fresh.ts';
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
  readonly mesh: Mesh;
  state(): MeshState;
  stop(): Promise<void>;
}

export function startMesh({ version, paths, machine, logger, clock = systemClock }: StartMeshParts): AgentMesh {
  const mesh = new SoloMesh({ card: firstCard({ name: machine.name, agentVersion: version, machine }), logger, clock });
  const updateCard = mesh.updateCard.bind(mesh);
  const stopCard = keepCardFresh({ hardware: machine.hardware, cachePath: paths.measurements, logger, updateCard });
  return {
    mesh,
    state: () => ({ state: 'off', reason: 'it is not there yet.', card: mesh.card }),
    stop: async () => stopCard(),
  };
}
