import { systemClock, type Clock, type Logger, type Mesh } from '@pippa/core';
import type { MeshNode } from '@pippa/mesh';
import { SoloMesh } from '@pippa/mesh/solo';
import type { Machine } from '../machine.ts';
import type { AgentPaths } from '../paths.ts';
import type { Settings } from '../settings/schema.ts';
import { writingTrouble } from '../why-not-written.ts';
import type { AskStranger } from './enter-mesh.ts';
import { firstCard, type CardContent } from './first-card.ts';
import { keepCardFresh } from './keep-card-fresh.ts';
import type { MeshState } from './mesh-administration.ts';

export interface MakeMeshParts {
  readonly version: string;
  readonly paths: AgentPaths;
  readonly machine: Machine;
  readonly logger: Logger;
  /** Asks the person at the terminal what to do about a mesh that this node is not in; without one it asks to be let in. */
  readonly askStranger?: AskStranger | undefined;
  readonly clock?: Clock;
}

/** This node's place among others, or alone. */
export interface AgentMesh {
  /** The same one for as long as the agent runs. */
  readonly mesh: Mesh;
  /** What to do when the machine sleeps and wakes; undefined: there are no others. */
  readonly sleeper?: Pick<MeshNode, 'doze' | 'wake'>;
  state(): MeshState;
  /** Rejects for a wrong `--join` alone: an agent without a network answers all the same, and `state` says what is wrong. */
  start(): Promise<void>;
  /** Settles when it is clear which mesh this is, if any: on a first start after some seconds. */
  entered(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The mesh that the settings ask for, not started. What is wrong with a setting is thrown (`UsageError`, `MeshPortTakenError`); for anything else that fails there is a mesh of this node alone, which says why.
 */
export async function makeMesh(settings: Settings, parts: MakeMeshParts): Promise<AgentMesh> {
  const { version, machine, logger } = parts;
  const card = firstCard({ name: settings.name ?? machine.name, agentVersion: version, machine });
  if (settings.mesh === 'off') return aloneMesh('off', 'it was started with --mesh off.', card, parts);
  // Loaded when there is a mesh to make: libp2p takes a good part of the start.
  const { networkMesh, isAboutSettings } = await import('./network-mesh.ts');
  try {
    return await networkMesh(settings, card, parts);
  } catch (error) {
    if (isAboutSettings(error)) throw error;
    const why = writingTrouble(error);
    logger.warn({ scope: 'mesh', error: why }, 'the mesh could not be made');
    return aloneMesh('failed', why, card, parts);
  }
}

/** A mesh of this node alone. */
function aloneMesh(state: 'off' | 'failed', reason: string, card: CardContent, parts: MakeMeshParts): AgentMesh {
  const { machine, paths, logger, clock = systemClock } = parts;
  const mesh = new SoloMesh({ card, logger, clock });
  let stopCard: (() => void) | undefined;
  return {
    mesh,
    state: () => ({ state, reason, card: mesh.card }),
    async start() {
      const updateCard = mesh.updateCard.bind(mesh);
      stopCard ??= keepCardFresh({
        hardware: machine.hardware,
        cachePath: paths.measurements,
        logger,
        clock,
        updateCard,
        alone: true,
      });
    },
    entered: () => Promise.resolve(),
    async stop() {
      stopCard?.();
    },
  };
}
