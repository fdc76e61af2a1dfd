import { systemClock, type Logger } from '@pippa/core';
import { createGateway, Metrics, openResponseStore, readThisProcess, type ResponseStore } from '@pippa/gateway';
import type { LibraryEntry } from '@pippa/models';
import { withCommandKey } from './access/agent-keys.ts';
import { LiveKeys } from './access/live-keys.ts';
import { createControlServer } from './control/server.ts';
import { UsageError } from './errors.ts';
import { openLibrary } from './library/open-library.ts';
import type { Machine } from './machine.ts';
import { startMesh } from './mesh/start-mesh.ts';
import { ModelRegistry } from './model-registry.ts';
import type { OpenedModel, OpenedModelInfo } from './open-model.ts';
import { openOptions } from './open-options.ts';
import { agentOperations } from './operations/agent-operations.ts';
import type { AgentPaths } from './paths.ts';
import { NO_MODEL, type Settings } from './settings/schema.ts';
import { readTlsFiles } from './tls-files.ts';

export interface AgentSurroundings {
  readonly version: string;
  readonly paths: AgentPaths;
  readonly machine: Machine;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Fraction 0 .. 1 of all models. */
  readonly onProgress?: (fraction: number) => void;
  /** Gives up starting. */
  readonly signal: AbortSignal;
}

export interface RunningAgent {
  /** `http://127.0.0.1:11500` */
  readonly url: string;
  readonly models: readonly OpenedModelInfo[];
  /** Lets running answers finish within the gateway's bound. */
  stop(): Promise<void>;
}

/** Starts everything in order; what was started is stopped again when something fails or `signal` is given. */
export async function startAgent(settings: Settings, surroundings: AgentSurroundings): Promise<RunningAgent> {
  const { version, paths, machine, logger, onProgress, signal } = surroundings;
  const entries = await askedModels(settings, surroundings);
  const registry = new ModelRegistry(entries);
  const opened: OpenedModel[] = [];
  const metrics = new Metrics(readThisProcess);
  metrics.addSource(() => ({ rings: opened.map((model) => model.snapshot()) }));
  const tls = await readTlsFiles(settings);
  const access = withCommandKey(new LiveKeys(paths.keys, logger));
  const responses = openResponses(paths.responses, logger);
  const gateway = createGateway({
    models: registry,
    logger,
    clock: systemClock,
    host: settings.host,
    port: settings.port,
    version,
    metrics,
    allowedHosts: settings.allowedHost,
    allowedOrigins: settings.allowedOrigin,
    healthDetails: () => ({ rings: opened.map((model) => model.snapshot()) }),
    keys: access.keys,
    ...(responses === undefined ? {} : { responses }),
    ...(settings.apiKey === undefined ? {} : { apiKey: settings.apiKey }),
    ...(tls === undefined ? {} : { tls }),
  });
  let url: string | undefined;
  const agentMesh = startMesh(surroundings);
  const operations = agentOperations({
    version,
    url: () => url,
    apiKey: access.secret,
    certificate: tls?.certificate,
    mesh: () => agentMesh.state(),
  });
  const control = createControlServer({ socketPath: paths.socket, operations, version, logger });
  const stop = async (): Promise<void> => {
    await gateway.stop();
    responses?.close();
    for (const model of opened.toReversed()) await model.stop();
    await agentMesh.stop();
    await control.stop();
  };
  try {
    // Two agents would share one identity: the second one ends here.
    await control.start();
    // Listening comes first: a taken port is found out before minutes of loading, and clients are told to wait.
    await gateway.start();
    url = gateway.address().url;
    for (const [index, entry] of entries.entries()) {
      // Loaded when there is a model to open: an agent without one does without the engine.
      const { openModel } = await import('./open-model.ts');
      const onStep = metrics.observeStep.bind(metrics);
      const options = { ...openOptions(settings, { machine, paths, logger }), name: entry.name, onStep };
      const model = await openModel(entry.paths[0] ?? '', options, {
        onProgress: (fraction) => onProgress?.((index + fraction) / entries.length),
        signal,
      });
      opened.push(model);
      registry.add(model.served);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, models: opened.map((model) => model.info), stop };
}

/** Undefined where the file cannot be used: answers are then kept while the agent runs. */
function openResponses(path: string, logger: Logger): ResponseStore | undefined {
  try {
    return openResponseStore({ path, clock: systemClock });
  } catch (error) {
    logger.warn({ scope: 'agent', path, error }, 'answers will be kept in memory only, because their file cannot be used');
    return undefined;
  }
}

/** The models asked for, each once. Throws `NoSuchModelError`, and `UsageError` for two of one name. */
async function askedModels(settings: Settings, surroundings: AgentSurroundings): Promise<readonly LibraryEntry[]> {
  const asked = settings.model.filter((model) => model !== NO_MODEL);
  const library = openLibrary(settings, surroundings);
  const entries = new Map<string, LibraryEntry>();
  for (const model of asked) {
    const entry = await library.resolve(model, { signal: surroundings.signal });
    entries.set(entry.paths[0] ?? entry.name, entry);
  }
  const names = [...entries.values()].map((entry) => entry.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return [...entries.values()];
  throw new UsageError(`Two of the models are named "${twice}".`, {
    hint: 'Rename one of the files: requests name a model by its file.',
  });
}
