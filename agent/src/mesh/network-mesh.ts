import { errorMessage, systemClock } from '@pippa/core';
import { watchInterfaces, type InterfaceWatch } from '@pippa/hardware';
import { AdmissionError, createMesh, InviteCodeError, openMeshState } from '@pippa/mesh';
import { MeshPortTakenError, UsageError } from '../errors.ts';
import type { Settings } from '../settings/schema.ts';
import { administer } from './administer.ts';
import { answerClock } from './clock-offsets.ts';
import { enterMesh, joinByCode } from './enter-mesh.ts';
import type { CardContent } from './first-card.ts';
import { keepCardFresh } from './keep-card-fresh.ts';
import type { AgentMesh, MakeMeshParts } from './make-mesh.ts';
import { chooseMeshPort } from './mesh-port.ts';
import { peerAddress } from './peer-address.ts';
import { LinkProbes } from './probe-links.ts';
import { SharedJoins } from './shared-joins.ts';

/** A mistake that the person who started the agent can see and put right at once. */
export function isAboutSettings(error: unknown): boolean {
  return [UsageError, InviteCodeError, AdmissionError, MeshPortTakenError].some((kind) => error instanceof kind);
}

/** A mesh over the network, not started. Throws what `isAboutSettings` knows, and what is wrong with the state folder. */
export async function networkMesh(settings: Settings, card: CardContent, parts: MakeMeshParts): Promise<AgentMesh> {
  const { paths, machine, logger, askStranger, clock = systemClock } = parts;
  const peers = settings.peer.map(peerAddress);
  const listen = await chooseMeshPort(settings.meshPort);
  const state = await openMeshState(paths.state);
  let interfaces: InterfaceWatch | undefined;
  const node = createMesh({
    state,
    card,
    listen,
    peers,
    open: settings.open,
    ...(settings.interface.length === 0 ? {} : { interfaces: settings.interface }),
    classifyInterface: (address) => interfaces?.typeOf(address) ?? 'unknown',
    logger: logger.child({ scope: 'mesh' }),
    clock,
  });
  const joins = new SharedJoins(node, logger);
  const probes = new LinkProbes({ node, logger, clock });
  const administration = administer(node, {
    clock,
    joins,
    probes,
    hasCompanions: () => settings.join !== undefined || (state.membership?.members.length ?? 0) > 0,
  });
  const stopping = new AbortController();
  const stopClock = answerClock(node, clock);
  let stopCard: (() => void) | undefined;
  let failed: string | undefined;
  let entering = Promise.resolve();
  let decided: Promise<void> | undefined;
  const fail = (error: unknown): void => {
    if (stopping.signal.aborted) return;
    failed = errorMessage(error);
    logger.warn({ scope: 'mesh', error: failed }, 'the mesh did not start');
  };
  const enter = async (): Promise<void> => {
    const beginNew = settings.mesh === 'new';
    try {
      ({ decided } = await enterMesh({ node, beginNew, hasPeers: peers.length > 0, askStranger, logger, signal: stopping.signal }));
    } catch (error) {
      fail(error);
    }
  };
  return {
    mesh: node,
    sleeper: node,
    state: () => (failed === undefined ? { state: 'on', administration } : { state: 'failed', reason: failed, card: node.card }),
    async start() {
      // Not before: the running agent of this folder, if there is one, must not have its mesh changed under it.
      if (settings.join !== undefined) await joinByCode(node, state, settings.join);
      const updateCard = node.updateCard.bind(node);
      stopCard ??= keepCardFresh({ hardware: machine.hardware, cachePath: paths.measurements, logger, clock, updateCard });
      try {
        interfaces ??= await watchInterfaces({ clock });
        await node.start();
        entering = enter();
      } catch (error) {
        fail(error);
      }
    },
    entered: () => entering,
    async stop() {
      stopping.abort();
      stopCard?.();
      stopClock();
      probes.stop();
      joins.stop();
      interfaces?.stop();
      await entering;
      await decided;
      await node.stop();
    },
  };
}
