import type { GgufModel } from '@pippa/gguf';
import { computeDevices, openLocalChain, type LocalChain, type StageOptions } from '@pippa/llama';
import type { StagePlan } from './plan-stages.ts';
import { shardSource, wholeModelSource } from './stage-sources.ts';

export interface ChainOptions {
  readonly parallelSequences: number;
  /** CPU threads for all stages together. */
  readonly threads: number;
  /** Where layer ranges for CPU backends are kept as files. */
  readonly shardDirectory: string;
  /** Fraction 0 .. 1 */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Share of the progress that writing shard files gets when there are any to write. */
const WRITING_SHARE = 0.5;

/** Loads the planned stages into worker threads of this process and links them. */
export async function openChain(model: GgufModel, plan: StagePlan, options: ChainOptions): Promise<LocalChain> {
  const { onProgress, signal } = options;
  const onGpu = computeDevices().some((device) => device.kind === 'gpu');
  const stages: StageOptions[] = [];
  const whole = plan.stages.length === 1;
  const loadingFrom = whole || onGpu ? 0 : WRITING_SHARE;
  for (const [index, { from, to, memory }] of plan.stages.entries()) {
    const writing = (fraction: number): void => onProgress?.(((index + fraction) / plan.stages.length) * loadingFrom);
    const source =
      whole || plan.rule === undefined
        ? wholeModelSource(model)
        : await shardSource(model, [from, to], plan.rule, {
            onGpu,
            shardDirectory: options.shardDirectory,
            onProgress: writing,
            signal,
          });
    stages.push({
      source,
      from,
      to,
      layerCount: plan.stages.at(-1)?.to ?? to,
      contextCells: plan.contextTokens * options.parallelSequences,
      parallelSequences: options.parallelSequences,
      maxRows: plan.maxRows,
      threads: Math.max(1, Math.floor(options.threads / plan.stages.length)),
      gpu: 'auto',
      hiddenStateName: plan.rule?.hiddenStateName ?? 'l_out',
      recurrent: plan.rule?.recurrent ?? false,
      positionsPerToken: plan.rule?.positionsPerToken ?? 1,
      expectedBytes: memory,
    });
  }
  return openLocalChain(stages, {
    onProgress: (fraction) => onProgress?.(loadingFrom + fraction * (1 - loadingFrom)),
    ...(signal === undefined ? {} : { signal }),
  });
}
