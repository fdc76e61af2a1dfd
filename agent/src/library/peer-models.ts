import type { CardModel, NodeCard } from '@pippa/core';
import type { CommandContext } from '../commands/context.ts';
import { callAgent } from '../control/client.ts';
import { AgentNotRunningError } from '../errors.ts';
import { statusOperation } from '../operations/mesh-operations.ts';
import { holdersAmong, type ModelHolder } from './model-in-house.ts';

/** A model that the running agent or other nodes have, and that does not lie where a command looks for models. */
export interface PeerModel extends Pick<CardModel, 'id' | 'name' | 'fileBytes' | 'layerCount'> {
  readonly holders: readonly ModelHolder[];
}

/** Models of the running agent and of its mesh's other nodes that are not among those here; none when no agent runs. */
export async function peerModels(here: ReadonlySet<string>, { paths, interrupts }: CommandContext): Promise<readonly PeerModel[]> {
  try {
    const { self, peers } = await callAgent(paths.socket, statusOperation, {}, { signal: interrupts.asked });
    const living = peers.flatMap(({ card, state }) => (state === 'dead' || card === undefined ? [] : [card]));
    // The agent itself may look in folders that this command was not told of.
    return modelsOfPeers([self, ...living], here);
  } catch (error) {
    if (error instanceof AgentNotRunningError) return [];
    throw error;
  }
}

/** Each model once, by name. */
export function modelsOfPeers(cards: readonly NodeCard[], here: ReadonlySet<string>): readonly PeerModel[] {
  const models = new Map<string, PeerModel>();
  for (const { id, name, fileBytes, layerCount } of cards.flatMap((card) => card.models)) {
    if (here.has(id) || models.has(id)) continue;
    const holders = holdersAmong(cards, id);
    if (holders.length > 0) models.set(id, { id, name, fileBytes, layerCount, holders });
  }
  return [...models.values()].toSorted((a, b) => a.name.localeCompare(b.name));
}

/** `studio, mini (25%)` */
export function describeHolders(holders: readonly ModelHolder[]): string {
  return holders.map(({ node, share }) => (share >= 1 ? node : `${node} (${Math.floor(share * 100)}%)`)).join(', ');
}
