import { StoppedError, type CardRing, type Mesh, type ModelManifest, type PeerId, type RingId } from '@pippa/core';
import type { BringUpProgress, KnownRing } from '@pippa/ring';
import { z } from 'zod';
import { implement, operation, type OperationContract, type OperationHandler } from '../control/contract.ts';
import { AlreadyUpError } from '../errors.ts';
import { findNode } from '../mesh/find-node.ts';
import type { NamedNode } from '../mesh/mesh-administration.ts';
import type { KnownModels } from '../node/known-models.ts';
import type { Node } from '../node/node.ts';
import type { WishChange } from '../node/node-options.ts';
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
  /** Why its stages are where they are; of rings that this node conducts or had brought up. */
  reasons: z.array(z.string()).optional(),
  /** It came up because there was much to do. */
  isCopy: z.boolean().optional(),
  /** It was up before it was asked for. */
  wasUp: z.boolean().optional(),
});

export type RingReport = z.output<typeof ringReportSchema>;

/** More than anybody's machines can hold. */
export const MAX_COPIES = 64;

const upInput = z.strictObject({
  model: name,
  strategy: z.enum(STRATEGIES).optional(),
  activations: z.enum(ACTIVATIONS).optional(),
  context: z.int().min(64).max(16_777_216).optional(),
  stages: z.int().min(1).max(64).optional(),
  nodes: z.array(name).min(1).max(64).optional(),
  /** So many rings of it, on different nodes. */
  copies: z.int().min(1).max(MAX_COPIES).optional(),
  /** False: it goes when nobody uses it, and does not come back after a restart. Left out: it stays. */
  keep: z.boolean().default(true),
});
const progress = z.object({ fraction: z.number(), message: z.string() });

export const psOperation = operation('ps', z.strictObject({}), z.array(ringReportSchema));
/** With the other rings of the model. */
const upReportSchema = ringReportSchema.extend({ copies: z.array(ringReportSchema).optional() });
export type UpReport = z.output<typeof upReportSchema>;
export const upOperation: OperationContract<typeof upInput, typeof upReportSchema, typeof progress> = {
  name: 'up',
  input: upInput,
  result: upReportSchema,
  event: progress,
};
/** What placing a model of the mesh needs to know of it, whoever has it. */
export const manifestOperation = operation(
  'manifest',
  z.strictObject({ model: name }),
  // One agent's own word to its commands: its shape is taken as given.
  z.custom<ModelManifest>((value) => typeof value === 'object' && value !== null),
);
/** Takes down all rings of a model, or all there are; tells which. `forget`: they do not come back after a restart. */
export const downOperation = operation(
  'down',
  z.strictObject({ model: name.optional(), forget: z.boolean().default(true) }),
  z.array(z.object({ ring: z.string(), model: z.string(), isKept: z.boolean().default(false) })),
);

export interface RingOperationParts {
  readonly node: Node;
  readonly models: KnownModels;
}

export function ringOperations({ node, models }: RingOperationParts): readonly OperationHandler[] {
  return [
    implement(psOperation, () => node.router.rings().map((ring) => ringReport(node, ring))),
    implement(manifestOperation, ({ model }, { signal }) => node.manifest(models.find(model), signal)),
    implement(upOperation, async ({ model, nodes, keep, copies = 1, ...change }, { emit, signal }) => {
      const only = nodes?.map((each) => findNode(each, namedNodes(node.mesh)).peer);
      const wish: WishChange = { ...change, keep, desired: keep, ...(only === undefined ? {} : { only }) };
      const named = models.find(model);
      const there = node.router.rings().find(({ card }) => card.model === named.id && card.state !== 'loading');
      if (there !== undefined) refuseOther(node.mesh, there.card, { stages: change.stages, only });
      const onProgress = (step: BringUpProgress): void => emit(step);
      await node.bringUp(named, { signal, onProgress }, wish);
      if (copies > 1) await node.bringUpCopies(named, copies, { signal, onProgress }, wish);
      const rings = node.router.rings().filter(({ card }) => card.model === named.id);
      const up = rings.find(({ card }) => card.isCopy !== true) ?? rings[0];
      if (up === undefined) throw new StoppedError(`${model} went down again at once.`);
      const others = rings.filter((ring) => ring !== up).map((ring) => ringReport(node, ring));
      return {
        ...ringReport(node, up),
        ...(there === undefined ? {} : { wasUp: true }),
        ...(others.length === 0 ? {} : { copies: others }),
      };
    }),
    implement(downOperation, async ({ model, forget }, { signal }) => {
      const id = model === undefined ? undefined : models.find(model).id;
      const rings = node.router.rings().filter(({ card }) => id === undefined || card.model === id);
      if (forget) node.forget(id);
      await Promise.all(rings.map((ring) => node.router.takeDown(ring, { forget, signal })));
      return rings.map(({ card }) => ({ ring: card.ring, model: card.name, isKept: card.isKept === true }));
    }),
  ];
}

/** What is up already does not move for being asked for otherwise. */
function refuseOther(
  mesh: Mesh,
  { name: model, stages }: CardRing,
  asked: { readonly stages: number | undefined; readonly only: readonly PeerId[] | undefined },
): void {
  const isOther =
    (asked.stages !== undefined && asked.stages !== stages.length) ||
    (asked.only !== undefined && stages.some(({ peer }) => asked.only?.includes(peer) !== true));
  if (!isOther) return;
  const nodes = [...new Set(stages.map(({ peer }) => nodeName(mesh, peer)))].join(', ');
  throw new AlreadyUpError(
    `${model} is up already, in ${stages.length === 1 ? '1 stage' : `${stages.length} stages`} on ${nodes}.`,
    {
      hint: `To have it otherwise, take it down first: pippa-agent down ${model}`,
    },
  );
}

/** A ring as people are shown it. */
export function ringReport(node: Node, { conductor, card }: KnownRing): RingReport {
  const own = node.manager.rings.find((ring) => ring.id === card.ring);
  const snapshot = own?.snapshot();
  const reasons = node.router.reasonsOf(card.ring);
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
    ...(reasons.length === 0 ? {} : { reasons: [...reasons] }),
    ...(card.isCopy === true ? { isCopy: true } : {}),
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
