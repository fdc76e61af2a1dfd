import type { ModelId, ModelManifest, NodeCard } from '@pippa/core';
import { calibrationOf, LOCAL_LINK, plannerNode } from '@pippa/planner';
import type { CommandContext } from '../commands/context.ts';
import { callAgent } from '../control/client.ts';
import { AgentNotRunningError } from '../errors.ts';
import { statusOperation } from '../operations/mesh-operations.ts';
import { placeWithContext } from '../plan/place-with-context.ts';

/** Rows of a step of a model that is cut, as rings have them. */
const ROWS = 256;

/** A node that has a model on disk, or a part of it. */
export interface ModelHolder {
  readonly node: string;
  /** Share of the bytes, 0 .. 1. */
  readonly share: number;
}

/** What the nodes of the house have to do with a model. */
export interface ModelInHouse {
  readonly holders: readonly ModelHolder[];
  readonly place:
    | {
        readonly stages: readonly { readonly node: string; readonly from: number; readonly to: number }[];
        readonly contextTokens: number;
        readonly tokensPerSecond: number;
      }
    | { readonly refused: string };
}

/** Asks the running agent who has the model and where it would run; undefined when none runs. */
export async function modelInHouse(manifest: ModelManifest, context: CommandContext): Promise<ModelInHouse | undefined> {
  const { paths, interrupts, settings } = context;
  try {
    const { self, peers } = await callAgent(paths.socket, statusOperation, {}, { signal: interrupts.asked });
    const there = peers.flatMap(({ card, link, state }) => (state === 'dead' || card === undefined ? [] : [{ card, link }]));
    const nodes = [plannerNode(self, LOCAL_LINK), ...there.map(({ card, link }) => plannerNode(card, link))];
    const calibration = calibrationOf([self, ...there.map(({ card }) => card)].flatMap((card) => card.rings));
    const wishes = { parallelSequences: settings.parallel, maxRows: ROWS, lane: 'interactive', strategy: 'speed' } as const;
    const { wish, result } = placeWithContext(manifest, { nodes, links: [], calibration }, settings.context, wishes);
    const nameOf = (peer: string): string => nodes.find((node) => node.peer === peer)?.name ?? peer;
    return {
      holders: holdersAmong([self, ...there.map(({ card }) => card)], manifest.id),
      place:
        result.kind === 'refused'
          ? { refused: result.reasons[0] ?? 'it does not fit' }
          : {
              stages: result.stages.map(({ peer, from, to }) => ({ node: nameOf(peer), from, to })),
              contextTokens: wish.contextTokens,
              tokensPerSecond: result.predicted.decodeTokensPerSecond,
            },
    };
  } catch (error) {
    if (error instanceof AgentNotRunningError) return undefined;
    throw error;
  }
}

/** Nodes that have something of the model, those with the most first. */
export function holdersAmong(cards: readonly NodeCard[], id: ModelId): readonly ModelHolder[] {
  return cards
    .flatMap(({ name, models }) => {
      const model = models.find((each) => each.id === id && each.presentBytes > 0);
      return model === undefined ? [] : [{ node: name, share: Math.min(1, model.presentBytes / Math.max(1, model.fileBytes)) }];
    })
    .toSorted((a, b) => b.share - a.share);
}
