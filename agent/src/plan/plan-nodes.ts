import { basename } from 'node:path';
import { peerId, type ModelId, type NodeCard, type Peer } from '@pippa/core';
import { readPerformance } from '@pippa/hardware';
import { calibrationOf, LOCAL_LINK, plannerNode, type Calibration, type PlannerLink, type PlannerNode } from '@pippa/planner';
import type { CommandContext } from '../commands/context.ts';
import { callAgent } from '../control/client.ts';
import { AgentNotRunningError, UsageError } from '../errors.ts';
import { readMachine } from '../machine.ts';
import { firstCard } from '../mesh/first-card.ts';
import { statusOperation } from '../operations/mesh-operations.ts';
import { imaginedNodesSchema, plannerNodesOf } from './imagined-nodes.ts';
import { findExample, readExample } from './read-example.ts';

/** Nodes to plan for, and where they come from, in words. */
export interface PlanNodes {
  readonly nodes: readonly PlannerNode[];
  readonly links: readonly PlannerLink[];
  /** What their rings measured. */
  readonly calibration?: Calibration;
  readonly source: string;
}

/**
 * The nodes of a file; without one, those of the running agent's mesh, as if `model` were not loaded there; without an agent, this
 * machine.
 */
export async function planNodes(file: string | undefined, model: ModelId, context: CommandContext): Promise<PlanNodes> {
  if (file !== undefined) return imagined(file);
  try {
    const { self, peers } = await callAgent(context.paths.socket, statusOperation, {}, { signal: context.interrupts.asked });
    const living = [{ card: self, link: LOCAL_LINK }, ...peers.filter(isAlive)];
    return {
      nodes: living.map(({ card, link }) => plannerNode(without(model, card), link)),
      links: [],
      calibration: calibrationOf(living.flatMap(({ card }) => card.rings)),
      source: living.length === 1 ? `the node ${self.name}` : `the mesh of ${self.name}`,
    };
  } catch (error) {
    if (error instanceof AgentNotRunningError) return thisMachine(context);
    throw error;
  }
}

async function imagined(file: string): Promise<PlanNodes> {
  const path = await findExample(file);
  if (path === undefined) {
    throw new UsageError(`There is no file ${file}.`, { hint: 'Give a JSON file of nodes, or six-macs for the example.' });
  }
  return { ...plannerNodesOf(await readExample(path, imaginedNodesSchema)), source: basename(path) };
}

async function thisMachine({ paths, version, interrupts }: CommandContext): Promise<PlanNodes> {
  const machine = await readMachine();
  const { memoryBandwidth, computeRate } = await readPerformance(machine.hardware, {
    cachePath: paths.measurements,
    signal: interrupts.asked,
  });
  const card = {
    ...firstCard({ name: machine.name, agentVersion: version, machine }),
    peer: peerId('this-machine'),
    version: 0,
    protocolVersion: 0,
    memoryBandwidth,
    computeRate,
  };
  return { nodes: [plannerNode(card, LOCAL_LINK)], links: [], source: `this machine, ${machine.name} (no agent runs)` };
}

/** The card with what the model's own stages take given back. */
function without(model: ModelId, card: NodeCard): NodeCard {
  const stages = card.stages.filter((stage) => stage.model !== model);
  // Spares count as free already.
  const own = card.stages.filter((stage) => stage.model === model && stage.spare !== true);
  const taken = own.reduce((sum, stage) => sum + stage.memoryBytes, 0);
  return {
    ...card,
    stages,
    memory: { ...card.memory, freeBytes: Math.min(card.memory.budgetBytes, card.memory.freeBytes + taken) },
  };
}

function isAlive(peer: Peer): peer is Peer & { readonly card: NonNullable<Peer['card']> } {
  return peer.state === 'alive' && peer.card !== undefined;
}
