import { homedir } from 'node:os';
import { systemClock, type Logger } from '@pippa/core';
import { planPull, pullModel, type Library } from '@pippa/models';
import type { PullingModelsParts } from '../node/pulling-models.ts';
import type { AgentPaths } from '../paths.ts';

export interface PullSurroundings {
  readonly paths: AgentPaths;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly library: Library;
}

/** How requests get models, bound to this machine. */
export function pullFunctions({
  paths,
  environment,
  logger,
  library,
}: PullSurroundings): Pick<PullingModelsParts, 'plan' | 'pull'> {
  const shared = { environment, home: homedir() };
  return {
    plan: (reference, { signal }) => planPull(reference, { ...shared, signal }),
    pull: async (reference, { signal, onProgress }) => {
      const options = { ...shared, directory: paths.models, clock: systemClock, logger: logger.child({ scope: 'models' }) };
      await pullModel(reference, { ...options, signal, onProgress });
      await library.refresh();
    },
  };
}
