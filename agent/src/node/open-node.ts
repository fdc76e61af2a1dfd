import { homedir } from 'node:os';
import { GIB, systemClock, type Logger, type Mesh } from '@pippa/core';
import { createModelStore, type Library, type LibraryModel, type ModelStore } from '@pippa/models';
import type { RingStep } from '@pippa/ring';
import type { RemovedShards } from '../engine/shard-cache.ts';
import type { Machine } from '../machine.ts';
import type { OpenedModelInfo } from '../open-model.ts';
import type { AgentPaths } from '../paths.ts';
import { memoryBudget } from '../settings/memory-budget.ts';
import type { Settings } from '../settings/schema.ts';
import { DesiredRings } from './desired-rings.ts';
import { KnownModels } from './known-models.ts';
import { StoreFiles } from './model-files.ts';
import { transferBytesPerSecond } from './transfer-rate.ts';
import { Node } from './node.ts';

export interface OpenNodeSurroundings {
  readonly paths: AgentPaths;
  readonly machine: Machine;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly library: Library;
  /** Models that the agent is started for. */
  readonly asked: readonly LibraryModel[];
  readonly onStep: (step: RingStep) => void;
  readonly mesh: Mesh;
  /** Told of files of layers that made room for others. */
  readonly onShardsRemoved?: ((removed: RemovedShards) => void) | undefined;
}

export interface OpenedNode {
  readonly node: Node;
  readonly store: ModelStore;
  readonly models: KnownModels;
}

/** Everything that can be loaded at the same time stays on the disk, and as much again. */
const SHARDS_PER_MEMORY = 2;

/** Binds the parts of a node by its settings. Nothing is started. */
export function openNode(settings: Settings, surroundings: OpenNodeSurroundings): OpenedNode {
  const { mesh, paths, machine, environment, logger, library, asked, onStep } = surroundings;
  const transferRate = (): number => transferBytesPerSecond(mesh, settings.transferLimit, node.isComputing);
  const store = createModelStore({
    library,
    mesh,
    piecesDirectory: paths.pieces,
    tablesDirectory: paths.pieceTables,
    ownDirectory: paths.models,
    clock: systemClock,
    logger,
    random: Math.random,
    uploadBytesPerSecond: transferRate,
    downloadBytesPerSecond: transferRate,
    ...(settings.autoPull ? { origins: { environment, home: homedir() } } : {}),
    quotaBytes: settings.diskQuota === undefined ? undefined : settings.diskQuota * GIB,
  });
  const budgetBytes = memoryBudget(settings.memory, machine);
  const node: Node = new Node({
    mesh,
    files: new StoreFiles(store),
    budgetBytes,
    threads: settings.threads ?? { atMost: machine.cores },
    shardDirectory: paths.shards,
    shardQuotaBytes: settings.shardCache === undefined ? SHARDS_PER_MEMORY * budgetBytes : settings.shardCache * GIB,
    onShardsRemoved: (removed) => {
      logger.info({ scope: 'node', ...removed, directory: paths.shards }, 'files of layers made room for others');
      surroundings.onShardsRemoved?.(removed);
    },
    spillDirectory: paths.spilled,
    wishes: {
      contextTokens: settings.context,
      parallelSequences: settings.parallel,
      strategy: settings.strategy,
      activations: settings.activations,
      exactReplay: settings.exactReplay,
      localStages: settings.stages === 1 ? undefined : settings.stages,
    },
    journal: new DesiredRings(paths.rings, logger),
    ring: { keepsSpares: !settings.noSpares },
    keepAliveMs: settings.keepAlive * 60_000,
    copies: { most: settings.copies },
    logger,
    onStep,
  });
  store.onChanged(() => mesh.updateCard({ models: store.list() }));
  const models = new KnownModels({
    mesh,
    asked,
    local: () => library.models(),
    serve: (model, known) => node.serve(model, known),
  });
  return { node, store, models };
}

/** What people are told of a model that is up. */
export async function openedModelInfo(node: Node, { id, name, manifest }: LibraryModel): Promise<OpenedModelInfo> {
  const ring = node.manager.find(id);
  const stages = node.mesh.card.stages.filter((stage) => stage.ring === ring?.id);
  // Another node may conduct it, with stages here or not.
  const elsewhere = node.mesh.peers().flatMap(({ card }) => card?.rings.filter(({ model }) => model === id) ?? [])[0];
  const vectors = ring === undefined && elsewhere === undefined ? await node.embedders.describe({ id, name }) : undefined;
  return {
    name,
    architecture: manifest.architecture,
    quantisation: manifest.quantisation,
    layerCount: manifest.layers.length,
    stageCount: ring?.stages.length ?? elsewhere?.stages.length ?? (vectors === undefined ? 0 : 1),
    fileBytes: manifest.fileBytes,
    memoryBytes: vectors?.memoryBytes ?? stages.reduce((sum, stage) => sum + stage.memoryBytes, 0),
    contextTokens: ring?.contextTokens ?? elsewhere?.contextTokens ?? vectors?.contextTokens ?? 0,
    backend: ring?.backend ?? vectors?.backend ?? 'CPU',
  };
}
