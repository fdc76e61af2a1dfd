import type { Logger } from '@pippa/core';
import type { Machine } from './machine.ts';
import type { OpenModelOptions } from './open-model.ts';
import type { AgentPaths } from './paths.ts';
import type { Settings } from './settings/schema.ts';

/** What `openModel` needs, out of the settings. */
export function openOptions(
  settings: Settings,
  { machine, paths, logger }: { readonly machine: Machine; readonly paths: AgentPaths; readonly logger: Logger },
): OpenModelOptions {
  return {
    contextTokens: settings.context,
    parallelSequences: settings.parallel,
    threads: settings.threads ?? { atMost: machine.cores },
    stages: settings.stages,
    budgetBytes: machine.budgetBytes,
    shardDirectory: paths.shards,
    logger,
  };
}
