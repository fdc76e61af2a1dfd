import { homedir } from 'node:os';
import { systemClock, type Logger } from '@pippa/core';
import { createLibrary, modelPlaces, type Library } from '@pippa/models';
import { embeddedModelDirectory } from '../package-root.ts';
import type { AgentPaths } from '../paths.ts';
import type { Settings } from '../settings/schema.ts';

export interface LibrarySurroundings {
  readonly paths: AgentPaths;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
}

/** The library of this machine: what came with the package, the folders asked for, the agent's own, and those of other tools. */
export function openLibrary(settings: Settings, { paths, environment, logger }: LibrarySurroundings): Library {
  const places = modelPlaces({
    embedded: embeddedModelDirectory,
    asked: settings.modelDir,
    own: paths.models,
    environment,
    home: homedir(),
    platform: process.platform,
  });
  return createLibrary({ places, memoryPath: paths.libraryFacts, clock: systemClock, logger: logger.child({ scope: 'models' }) });
}
