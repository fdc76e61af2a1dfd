import { StoppedError, type CardRing, type Mesh, type PeerId, type RingId } from '@pippa/core';
import type { BringUpProgress, KnownRing } from '@pippa/ring';
import { z } from 'zod';
import { implement, operation, type OperationContract, type OperationHandler } from '../control/contract.ts';
import { findNode } from '../mesh/find-node.ts';
import type { NamedNode } from '../mesh/mesh-administration.ts';
import type { KnownModels } from '../node/known-models.ts';
import type { Node, WishChange } from '../node/node.ts';
import { ACTIVATIONS, STRATEGIES } from '../settings/schema.ts';

const name = z.string().min(1).max(512);

const stageReport = z.object({ node: z.string(), from: z.int(), to: z.int(), memoryBytes: z.number() });

/** A ring as people are shown it. */
export const ringReportSchema = z.object({
  ring: z.string(),
  model: z.string(),
  state: z.enum(['loading', 'ready', 'recovering']),
  /** 0 .. 1; missing once it is up. */
  loadedFraction: z.number().optional(),
  conductor: z.string(),
  stages: z.array(stageReport),
  /** Second copies, for when a node leaves. */
  spares: z.array(stageReport).optional(),
  contextTokens: z.int(),
  parallelSequences: z.int(),
  running: z.int(),
  waiting: z.int(),
  predictedTokensPerSecond: z.number(),
  measuredTokensPerSecond: z.number(),
  /** Share of the context that holds tokens, 0 .. 1; of rings that this node conducts. */
  contextUse: z.number().optional(),
  /** Times that it was mended after a loss. */
  recoveries: z.int().optional(),
  /** Why its stages are where they are; of rings that this node conducts. */
  reasons: z.array(z.string()).optional(),
});

export type RingReport = z.output<typeof ringReportSchema>;

const upInput = z.strictObject({
  model: name,
  strategy: z.enum(STRATEGIES).optional(),
  activations: z.enum(ACTIVATIONS).optional(),
  context: z.int().min(64).max(16_777_216).optional(),
  stages: z.int().min(1).max(64).optional(),
  nodes: z.array(name).min(1).max(64).optional(),
});
const progress = z.object({ fraction: z.number(), message: z.string() });

export const psOperation = operation('ps', z.strictObject({}), z.array(ringReportSchema));
export const upOperation: OperationContract<typeof upInput, typeof ringReportSchema, typeof progress> = {
  name: 'up',
  input: upInput,
  result: ringReportSchema,
  event: progress,
};
/** Takes down all rings of a model, or all there are; tells which. */
export const downOperation = operation(
  'down',
  z.strictObject({ model: name.optional() }),
  z.array(z.object({ ring: z.string(), model: z.string() })),
);

export interface RingOperationParts {
  readonly node: Node;
  readonly models: KnownModels;
}

export function ringOperations({ node, models }: RingOperationParts): readonly OperationHandler[] {
  return [
    implement(psOperation, () => node.router.rings().map((ring) => report(node, ring))),
    implement(upOperation, async ({ model, nodes, ...change }, { emit, signal }) => {
      const only = nodes?.map((each) => findNode(each, namedNodes(node.mesh)).peer);
      const wish: WishChange = { ...change, keep: true, desired: true, ...(only === undefined ? {} : { only }) };
      const named = models.find(model);
      const onProgress = (step: BringUpProgress): void => emit(step);
      await node.bringUp(named, { signal, onProgress }, wish);
      const up = node.router.rings().find(({ card }) => card.model === named.id);
      if (up === undefined) throw new StoppedError(`${model} went down again at once.`);
      return report(node, up);
    }),
    implement(downOperation, async ({ model }, { signal }) => {
      const id = model === undefined ? undefined : models.find(model).id;
      const rings = node.router.rings().filter(({ card }) => id === undefined || card.model === id);
      await Promise.all(rings.map((ring) => node.router.takeDown(ring, { forget: true, signal })));
      return rings.map(({ card }) => ({ ring: card.ring, model: card.name }));
    }),
  ];
}

function report(node: Node, { conductor, card }: KnownRing): RingReport {
  const own = node.manager.rings.find((ring) => ring.id === card.ring);
  const snapshot = own?.snapshot();
  return {
    ring: card.ring,
    model: card.name,
    state: card.state,
    ...(card.loadedFraction === undefined ? {} : { loadedFraction: card.loadedFraction }),
    conductor: nodeName(node.mesh, conductor),
    stages: card.stages.map((stage) => stageReportOf(node.mesh, card.ring, stage)),
    ...(card.spares === undefined ? {} : { spares: card.spares.map((spare) => stageReportOf(node.mesh, card.ring, spare)) }),
    contextTokens: card.contextTokens,
    parallelSequences: card.parallelSequences,
    running: card.running,
    waiting: card.waiting,
    predictedTokensPerSecond: card.predictedTokensPerSecond,
    measuredTokensPerSecond: card.measuredTokensPerSecond,
    ...(snapshot === undefined ? {} : { contextUse: snapshot.usedCells / Math.max(1, snapshot.contextCells) }),
    ...(card.recoveries === undefined ? {} : { recoveries: card.recoveries }),
    ...(own === undefined ? {} : { reasons: [...own.reasons] }),
  };
}

function stageReportOf(mesh: Mesh, ring: RingId, { peer, from, to }: CardRing['stages'][number]): RingReport['stages'][number] {
  const there = cardOf(mesh, peer)?.stages.find((stage) => stage.ring === ring && stage.from === from);
  return { node: nodeName(mesh, peer), from, to, memoryBytes: there?.memoryBytes ?? 0 };
}

function cardOf(mesh: Mesh, peer: PeerId): Mesh['card'] | undefined {
  return peer === mesh.self ? mesh.card : mesh.peer(peer)?.card;
}

function nodeName(mesh: Mesh, peer: PeerId): string {
  return cardOf(mesh, peer)?.name ?? peer;
}

function namedNodes(mesh: Mesh): NamedNode[] {
  return [{ peer: mesh.self, name: mesh.card.name }, ...mesh.peers().map(({ id, card }) => ({ peer: id, name: card?.name ?? id }))];
}
