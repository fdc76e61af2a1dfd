import { randomInt } from 'node:crypto';
import { createServedModel } from '@pippa/chat';
import { formatBytes, systemClock, type Logger, type ServedModel } from '@pippa/core';
import { chatTemplate, describeModel, readGgufModel, type GgufModel } from '@pippa/gguf';
import type { StepObservation } from '@pippa/gateway';
import { openTokenizer } from '@pippa/llama';
import { fileStem } from '@pippa/models';
import { createConductor, DEFAULT_CONDUCTOR_SETTINGS, type ConductorSnapshot } from '@pippa/ring';
import { totalBytes } from './engine/fit-memory.ts';
import { observeChain } from './engine/observe-chain.ts';
import { modelFacts } from './engine/model-facts.ts';
import { openChain } from './engine/open-chain.ts';
import { planStages } from './engine/plan-stages.ts';
import { usefulThreads } from './engine/useful-threads.ts';
import { samplerDefaults } from './engine/sampler-defaults.ts';
import { ModelTooLargeError, UnusableModelError } from './errors.ts';
import { fileBytes } from './library/model-file.ts';

const MAX_SEED = 2 ** 32;

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
  readonly onStep?: (step: StepObservation) => void;
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
 * Loads a model and binds the parts that answer with it: stages in worker threads, the conductor that batches, the tokenizer, the
 * chat template. Throws `UnusableModelError` (its `cause` says why), `ModelTooLargeError`, or the signal's reason.
 */
export async function openModel(path: string, options: OpenModelOptions, control: OpenControl = {}): Promise<OpenedModel> {
  const started: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let action = started.pop(); action !== undefined; action = started.pop()) await action();
  };
  try {
    const model = await readGgufModel(path, control.signal === undefined ? {} : { signal: control.signal });
    return { ...(await bind(model, options.name ?? fileStem(path), options, control, started)), stop };
  } catch (error) {
    await stop();
    control.signal?.throwIfAborted();
    throw error instanceof ModelTooLargeError ? error : new UnusableModelError(path, error);
  }
}

async function bind(
  model: GgufModel,
  name: string,
  options: OpenModelOptions,
  control: OpenControl,
  started: (() => Promise<void>)[],
): Promise<Omit<OpenedModel, 'stop'>> {
  const layout = describeModel(model);
  const plan = planStages(model, { ...options, name });
  const memoryBytes = totalBytes(plan.stages.map((stage) => stage.memory));
  options.logger.info(
    { scope: 'agent', model: name, memory: formatBytes(memoryBytes), stages: plan.stages.map((stage) => [stage.from, stage.to]) },
    'loading',
  );
  const threads = typeof options.threads === 'number' ? options.threads : usefulThreads(layout.totalBytes, options.threads.atMost);
  const chain = await openChain(model, plan, { ...options, ...control, threads });
  started.push(async () => chain[Symbol.asyncDispose]());
  const conductor = createConductor({
    chain: options.onStep === undefined ? chain : observeChain(chain, name, { clock: systemClock, onStep: options.onStep }),
    settings: { ...DEFAULT_CONDUCTOR_SETTINGS, contextTokens: plan.contextTokens },
    clock: systemClock,
    logger: options.logger.child({ scope: 'ring' }),
  });
  await conductor.start();
  started.push(() => conductor.stop());
  const tokenizer = await openTokenizer(model.files[0]?.path ?? '');
  started.push(async () => tokenizer[Symbol.asyncDispose]());
  const served = createServedModel({
    name,
    createdMs: systemClock.wallMs(),
    architecture: layout.architecture,
    parameterCount: layout.parameterCount,
    fileBytes: fileBytes(model),
    facts: await modelFacts(model, layout),
    template: chatTemplate(model),
    tokenizer,
    generator: conductor,
    samplerDefaults: samplerDefaults(model.metadata),
    randomSeed: () => randomInt(MAX_SEED),
    clock: systemClock,
  });
  return {
    served,
    info: {
      name,
      architecture: layout.architecture,
      quantisation: layout.quantisation,
      layerCount: layout.layerCount,
      stageCount: plan.stages.length,
      fileBytes: fileBytes(model),
      memoryBytes,
      contextTokens: plan.contextTokens,
      backend: chain.stages[0]?.backend ?? 'CPU',
    },
    snapshot: () => ({ model: name, ...conductor.snapshot() }),
  };
}
