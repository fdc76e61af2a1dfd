import { formatBytes, StoppedError, type Logger, type ServedModel } from '@pippa/core';
import { describeModel } from '@pippa/gguf';
import { SoloMesh } from '@pippa/mesh/solo';
import { fileStem } from '@pippa/models';
import type { ConductorSnapshot, RingStep } from '@pippa/ring';
import { totalBytes } from './engine/fit-memory.ts';
import { planStages, type StagePlan } from './engine/plan-stages.ts';
import { ModelTooLargeError, UnusableModelError } from './errors.ts';
import { fileBytes } from './library/model-file.ts';
import { firstCard } from './mesh/first-card.ts';
import { Node } from './node/node.ts';
import { SingleFile } from './node/single-file.ts';

export interface OpenModelOptions {
  /** What it is served as; the file's stem when left out. */
  readonly name?: string;
  /** Undefined: the model's own, at most 8192, or what fits. */
  readonly contextTokens: number | undefined;
  readonly parallelSequences: number;
  /** CPU threads for all stages together; `atMost`: as many as the model has work for. */
  readonly threads: number | { readonly atMost: number };
  readonly stages: number;
  /** Memory that the model may take. */
  readonly budgetBytes: number;
  /** Where layer ranges for CPU backends are kept as files. */
  readonly shardDirectory: string;
  readonly logger: Logger;
  /** Told what every step took. */
  readonly onStep?: (step: RingStep) => void;
}

export interface OpenControl {
  /** Fraction 0 .. 1 */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** What people are told of an opened model. */
export interface OpenedModelInfo {
  readonly name: string;
  readonly architecture: string;
  readonly quantisation: string;
  readonly layerCount: number;
  readonly stageCount: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly contextTokens: number;
  /** `Metal`, `CUDA0`, `CPU` ... */
  readonly backend: string;
}

export interface OpenedModel {
  readonly served: ServedModel;
  readonly info: OpenedModelInfo;
  snapshot(): ConductorSnapshot & { readonly model: string };
  /** Ends what is being generated and unloads the model. */
  stop(): Promise<void>;
}

/**
 * A model in this process alone, without a network: a node of a mesh of one. Throws `UnusableModelError` (its `cause` says why),
 * `ModelTooLargeError`, or the signal's reason.
 */
export async function openModel(path: string, options: OpenModelOptions, control: OpenControl = {}): Promise<OpenedModel> {
  const signal = control.signal ?? new AbortController().signal;
  let node: Node | undefined;
  try {
    const file = await SingleFile.read(path, options.name ?? fileStem(path), { signal });
    const plan = planStages(file.model, { ...options, name: file.named.name });
    const memory = formatBytes(totalBytes(plan.stages.map((stage) => stage.memory)));
    options.logger.info({ scope: 'agent', model: file.named.name, memory }, 'loading');
    node = soloNode(file, plan, options);
    await node.start();
    await node.bringUp(file.named, { signal, onProgress: ({ fraction }) => control.onProgress?.(fraction) });
    return describeOpened(node, file, plan);
  } catch (error) {
    await node?.stop();
    signal.throwIfAborted();
    throw error instanceof ModelTooLargeError ? error : new UnusableModelError(path, error);
  }
}

function soloNode(file: SingleFile, plan: StagePlan, options: OpenModelOptions): Node {
  const { budgetBytes, threads, shardDirectory, parallelSequences, logger, onStep } = options;
  const cores = typeof threads === 'number' ? threads : threads.atMost;
  const platform = `${process.platform}-${process.arch}`;
  const machine = { platform, chip: process.arch, cores, totalBytes: budgetBytes, budgetBytes };
  return new Node({
    mesh: new SoloMesh({ card: firstCard({ name: 'this machine', agentVersion: '', machine }), logger }),
    files: file,
    budgetBytes,
    threads,
    shardDirectory,
    wishes: {
      contextTokens: plan.contextTokens,
      parallelSequences,
      strategy: 'speed',
      activations: 'f32',
      exactReplay: false,
      localStages: options.stages,
    },
    keepAliveMs: Number.POSITIVE_INFINITY,
    copies: { most: 1 },
    logger,
    ...(onStep === undefined ? {} : { onStep }),
  });
}

function describeOpened(node: Node, file: SingleFile, plan: StagePlan): OpenedModel {
  const { name } = file.named;
  const layout = describeModel(file.model);
  const served = node.serve(file.named, {
    architecture: layout.architecture,
    parameterCount: layout.parameterCount,
    fileBytes: fileBytes(file.model),
  });
  const ring = node.manager.find(file.named.id);
  const snapshot = (): ConductorSnapshot => {
    const found = ring?.snapshot();
    if (found === undefined) throw new StoppedError(`${name} was taken down.`);
    return found;
  };
  return {
    served,
    info: {
      name,
      architecture: layout.architecture,
      quantisation: layout.quantisation,
      layerCount: layout.layerCount,
      stageCount: plan.stages.length,
      fileBytes: fileBytes(file.model),
      memoryBytes: totalBytes(plan.stages.map((stage) => stage.memory)),
      contextTokens: ring?.contextTokens ?? plan.contextTokens,
      backend: ring?.backend ?? 'CPU',
    },
    snapshot: () => ({ model: name, ...snapshot() }),
    stop: () => node.stop(),
  };
}
