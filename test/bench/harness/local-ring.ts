import { join } from 'node:path';
import { DEFAULT_SAMPLER_SETTINGS, silentLogger, systemClock, type StageTiming, type Step, type StepResult } from '@pippa/core';
import { architectureRule, describeModel, readGgufModel } from '@pippa/gguf';
import { openLocalChain, type LocalChain, type StageOptions } from '@pippa/llama';
import { createConductor, DEFAULT_CONDUCTOR_SETTINGS, type Conductor } from '@pippa/ring';
import { chooseCuts, layerCosts } from '../../../agent/src/engine/choose-cuts.ts';
import { ShardCache } from '../../../agent/src/engine/shard-cache.ts';
import { shardSource, wholeModelSource } from '../../../agent/src/engine/stage-sources.ts';
import { benchDirectory, benchModelPath } from './bench-model.ts';

export interface LocalRingOptions {
  readonly stages: number;
  readonly threadsPerStage: number;
  readonly parallelSequences: number;
  readonly contextCells: number;
}

/** One generation as the bench sees it. */
export interface Generated {
  /** From the call to the first token. */
  readonly firstMs: number;
  /** From the call to the last token. */
  readonly lastMs: number;
  /** When each token came. */
  readonly arrivedMs: readonly number[];
}

/** The bench model over local stages, driven by the conductor: the product without HTTP. */
export class LocalRing implements AsyncDisposable {
  readonly conductor: Conductor;
  readonly #chain: LocalChain;
  #computeMs: number[];

  constructor(chain: LocalChain, contextTokens: number) {
    this.#chain = chain;
    this.#computeMs = chain.stages.map(() => 0);
    this.conductor = createConductor({
      chain: { stages: chain.stages, submit: (step) => this.#submit(step) },
      settings: { ...DEFAULT_CONDUCTOR_SETTINGS, contextTokens },
      clock: systemClock,
      logger: silentLogger,
    });
  }

  /** What each stage has computed since the last call, in milliseconds. */
  takeComputeMs(): readonly number[] {
    const taken = this.#computeMs;
    this.#computeMs = taken.map(() => 0);
    return taken;
  }

  /** Greedy, past the model's own end. */
  async generate(prompt: readonly number[], maxTokens: number): Promise<Generated> {
    const started = performance.now();
    const arrivedMs: number[] = [];
    const sampler = { ...DEFAULT_SAMPLER_SETTINGS, temperature: 0, seed: 1, ignoreEndOfGeneration: true };
    const request = { prompt: Int32Array.from(prompt), sampler, maxTokens, logprobs: -1, lane: 'interactive' as const };
    for await (const event of this.conductor.generate(request)) {
      if (event.kind === 'token') arrivedMs.push(performance.now() - started);
    }
    return { firstMs: arrivedMs[0] ?? Number.NaN, lastMs: arrivedMs.at(-1) ?? Number.NaN, arrivedMs };
  }

  async #submit(step: Step): Promise<StepResult> {
    const result = await this.#chain.submit(step);
    result.timings.forEach((timing: StageTiming, stage) => {
      this.#computeMs[stage] = (this.#computeMs[stage] ?? 0) + timing.computeMs;
    });
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.conductor.stop();
    await this.#chain[Symbol.asyncDispose]();
  }
}

/** Loads the bench model cut into equal stages, as the agent cuts it. */
export async function openLocalRing(options: LocalRingOptions): Promise<LocalRing> {
  const model = await readGgufModel(await benchModelPath());
  const rule = architectureRule(model);
  const layout = describeModel(model);
  const boundaries = chooseCuts(layerCosts(layout.layerBytes, layout.outputBytes), rule.cuts(model), options.stages);
  if (boundaries === undefined) throw new Error(`The model cannot be cut into ${options.stages}.`);
  const cache = new ShardCache({ directory: join(benchDirectory, 'shards'), clock: systemClock });
  const stages: StageOptions[] = [];
  for (const [index, from] of boundaries.slice(0, -1).entries()) {
    const to = boundaries[index + 1] ?? layout.layerCount;
    stages.push({
      source:
        options.stages === 1
          ? wholeModelSource(model)
          : (await shardSource(model, [from, to], rule, { onGpu: false, cache })).source,
      from,
      to,
      layerCount: layout.layerCount,
      contextCells: options.contextCells,
      parallelSequences: options.parallelSequences,
      maxRows: options.stages === 1 ? 512 : 256,
      threads: options.threadsPerStage,
      gpu: 'off',
      hiddenStateName: rule.hiddenStateName ?? 'l_out',
      recurrent: false,
      positionsPerToken: rule.positionsPerToken ?? 1,
      expectedBytes: { weights: 0, context: 0, compute: 0 },
    });
  }
  const ring = new LocalRing(await openLocalChain(stages), options.contextCells);
  await ring.conductor.start();
  return ring;
}

/** Tokens a second over all streams while all of them ran: from when the last came in to when the first went. */
export function jointSpeed(streams: readonly Generated[]): number {
  const from = Math.max(...streams.map((stream) => stream.firstMs));
  const to = Math.min(...streams.map((stream) => stream.lastMs));
  const tokens = streams.reduce((sum, stream) => sum + stream.arrivedMs.filter((ms) => ms > from && ms <= to).length, 0);
  return (tokens * 1000) / (to - from);
}
