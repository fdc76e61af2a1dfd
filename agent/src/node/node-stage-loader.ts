import { formatBytes, type StageRunner } from '@pippa/core';
import { architectureRule, memoryEstimate } from '@pippa/gguf';
import type { StageSource } from '@pippa/llama';
import type { LoadControl, StageLoader, StageOrder } from '@pippa/ring';
import { shardSource, wholeModelSource, type HeldSource } from '../engine/stage-sources.ts';
import type { ShardCache } from '../engine/shard-cache.ts';
import { usefulThreads } from '../engine/useful-threads.ts';
import { ruleOf } from '../library/model-file.ts';
import type { ModelFiles, ShardFiles } from './model-files.ts';
import type { StageActivity } from './stage-activity.ts';

export interface NodeStageLoaderOptions {
  readonly files: ModelFiles;
  /** Memory that models may take on this node, all together. */
  readonly budgetBytes: number;
  /** CPU threads for the stages of a ring together; `atMost`: as many as they have work for. */
  readonly threads: number | { readonly atMost: number };
  /** Keeps layer ranges for CPU backends as files. */
  readonly cache: ShardCache;
  /** Told of every step. */
  readonly activity: StageActivity;
}

/** Share of a stage's progress that writing its layers to a file has. */
const WRITING_SHARE = 0.5;

/** Loads stages into worker threads of this process, within the memory that models may take. */
export class NodeStageLoader implements StageLoader {
  readonly #options: NodeStageLoaderOptions;
  /** What loaded stages take, and what loading ones will. */
  #takenBytes = 0;

  constructor(options: NodeStageLoaderOptions) {
    this.#options = options;
  }

  get freeBytes(): number {
    return Math.max(0, this.#options.budgetBytes - this.#takenBytes);
  }

  /** Loads while bytes still come, where the way of loading allows it. */
  async load(order: StageOrder, { onProgress, signal }: LoadControl): Promise<StageRunner> {
    const { from, to, model: named } = order;
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const shard = await this.#options.files.shard(
      named,
      { from, to },
      { signal: either, onProgress: (fraction) => onProgress('fetch', fraction) },
    );
    try {
      return await this.#loadWithinMemory(order, shard, { onProgress, signal: either });
    } catch (error) {
      // What did not come says more than that it was missing.
      const reason = shard.arrival?.failure ?? error;
      failed.abort(reason);
      throw reason;
    }
  }

  async #loadWithinMemory(order: StageOrder, shard: ShardFiles, control: LoadControl): Promise<StageRunner> {
    const { from, to, model: named } = order;
    const { OutOfMemoryError } = await import('@pippa/llama');
    const memory = memoryEstimate(shard.model, order);
    const bytes = memory.weights + memory.context + memory.compute;
    if (bytes > this.freeBytes) {
      throw new OutOfMemoryError(
        `Layers ${from} to ${to - 1} of ${named.name} take ${formatBytes(bytes)}, and models have ${formatBytes(this.freeBytes)} left here.`,
        bytes,
        this.freeBytes,
        'Take another model down, or choose a smaller --context or --parallel.',
      );
    }
    this.#takenBytes += bytes;
    let held: HeldSource | undefined;
    const giveBack = (): void => {
      this.#takenBytes -= bytes;
      held?.release();
    };
    try {
      held = await this.#source(order, shard, control);
      return this.#track(await this.#loadRunner(order, shard, held.source, memory, control), giveBack);
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** Takes memory for something beside the stages; returns how to give it back. Throws `OutOfMemoryError`. */
  async reserve(bytes: number, what: string): Promise<() => void> {
    if (bytes > this.freeBytes) {
      const { OutOfMemoryError } = await import('@pippa/llama');
      throw new OutOfMemoryError(
        `Loading ${what} takes ${formatBytes(bytes)}, and models have ${formatBytes(this.freeBytes)} left here.`,
        bytes,
        this.freeBytes,
        'Take another model down, or choose a smaller --context.',
      );
    }
    this.#takenBytes += bytes;
    let isCounted = true;
    return () => {
      if (isCounted) this.#takenBytes -= bytes;
      isCounted = false;
    };
  }

  async #loadRunner(
    order: StageOrder,
    shard: ShardFiles,
    source: StageSource,
    memory: { readonly weights: number; readonly context: number; readonly compute: number },
    { onProgress, signal }: LoadControl,
  ): Promise<StageRunner> {
    const { from, to, layerCount, contextCells, parallelSequences, maxRows, ownCells } = order;
    const isWhole = from === 0 && to === layerCount;
    const { model } = shard;
    const rule = isWhole ? ruleOf(model) : architectureRule(model);
    // Loaded when there is a stage to load: an agent without one does without the engine.
    const { loadStageRunner } = await import('@pippa/llama');
    const loadingFrom = isWhole || source.kind === 'tensors' ? 0 : WRITING_SHARE;
    const { threads } = this.#options;
    const weightBytes = memory.weights * order.stagesHere;
    const all = typeof threads === 'number' ? threads : usefulThreads(weightBytes, threads.atMost);
    return loadStageRunner(
      {
        source,
        from,
        to,
        layerCount,
        contextCells,
        parallelSequences,
        maxRows,
        ownCells,
        threads: Math.max(1, Math.floor(all / order.stagesHere)),
        gpu: 'auto',
        hiddenStateName: rule?.hiddenStateName ?? 'l_out',
        ...(rule?.hiddenInputName === undefined ? {} : { hiddenInputName: rule.hiddenInputName }),
        recurrent: rule?.recurrent ?? false,
        positionsPerToken: rule?.positionsPerToken ?? 1,
        expectedBytes: memory,
      },
      {
        onProgress: (fraction) => shard.arrival?.isOver === false || onProgress('load', loadingFrom + fraction * (1 - loadingFrom)),
        signal,
      },
    );
  }

  async #source(
    { from, to, layerCount }: StageOrder,
    { model, arrival }: ShardFiles,
    { onProgress, signal }: LoadControl,
  ): Promise<HeldSource> {
    if (from === 0 && to === layerCount) {
      await arrival?.done;
      return { source: wholeModelSource(model), release: () => {} };
    }
    const { computeDevices } = await import('@pippa/llama');
    return shardSource(model, [from, to], architectureRule(model), {
      onGpu: computeDevices().some((device) => device.kind === 'gpu'),
      cache: this.#options.cache,
      arrival,
      // While bytes come, how far that is says it all.
      onProgress: (fraction) => arrival?.isOver === false || onProgress('load', fraction * WRITING_SHARE),
      signal,
    });
  }

  /** The same runner, giving back what it takes when it is unloaded or lost. */
  #track(runner: StageRunner, giveBackAll: () => void): StageRunner {
    let isCounted = true;
    const { activity } = this.#options;
    const stopWatching = activity.watch(() => runner.ways?.steps ?? 0);
    const giveBack = (): void => {
      if (isCounted) giveBackAll();
      isCounted = false;
      stopWatching();
    };
    return {
      info: runner.info,
      ...(runner.ways === undefined ? {} : { ways: runner.ways }),
      submit(step, hidden, timings) {
        activity.note();
        runner.submit(step, hidden, timings);
      },
      reset: () => runner.reset(),
      exportSlot: (slot, from, to) => runner.exportSlot(slot, from, to),
      importSlot: (slot, from, bytes) => runner.importSlot(slot, from, bytes),
      onOutput: (consumer) =>
        runner.onOutput((output) => {
          activity.note();
          consumer(output);
        }),
      onLoss: (callback) =>
        runner.onLoss((error) => {
          giveBack();
          callback(error);
        }),
      async [Symbol.asyncDispose]() {
        await runner[Symbol.asyncDispose]();
        giveBack();
      },
    };
  }
}
