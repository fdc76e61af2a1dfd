import { homedir } from 'node:os';
import { PippaError, systemClock, type Logger, type Mesh, type PeerState } from '@pippa/core';
import {
  createGateway,
  createTraceExporter,
  Metrics,
  openResponseStore,
  readThisProcess,
  type ResponseStore,
} from '@pippa/gateway';
import { watchSleep } from '@pippa/hardware';
import type { Library, LibraryModel } from '@pippa/models';
import type { BringUpOptions, ConductorSnapshot } from '@pippa/ring';
import { withCommandKey } from './access/agent-keys.ts';
import { LiveKeys } from './access/live-keys.ts';
import { makePrivateFolder } from './control/private-folder.ts';
import { createControlServer } from './control/server.ts';
import type { RemovedShards } from './engine/shard-cache.ts';
import { UnusableModelError, UsageError } from './errors.ts';
import { createModelPuller } from './library/model-puller.ts';
import { openLibrary } from './library/open-library.ts';
import { pullFunctions } from './library/pull-functions.ts';
import { whyBroken } from './library/why-broken.ts';
import { aborted } from './interrupts.ts';
import type { Machine } from './machine.ts';
import type { AskStranger } from './mesh/enter-mesh.ts';
import { makeMesh, type AgentMesh } from './mesh/make-mesh.ts';
import type { MeshState } from './mesh/mesh-administration.ts';
import type { Node } from './node/node.ts';
import { openedModelInfo, openNode } from './node/open-node.ts';
import { SleepManners } from './node/sleep-manners.ts';
import { PullingModels } from './node/pulling-models.ts';
import type { OpenedModelInfo } from './open-model.ts';
import { agentOperations } from './operations/agent-operations.ts';
import { embeddedOperationDirectory } from './package-root.ts';
import type { AgentPaths } from './paths.ts';
import { NO_MODEL, type Settings } from './settings/schema.ts';
import { LiveOperations } from './text-operations/live-operations.ts';
import { readTlsFiles } from './tls-files.ts';

export interface AgentSurroundings {
  readonly version: string;
  readonly paths: AgentPaths;
  readonly machine: Machine;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Fraction 0 .. 1 of all models. */
  readonly onProgress?: (fraction: number) => void;
  /** Asks the person at the terminal what to do about a mesh that this node is not in. */
  readonly askStranger?: AskStranger | undefined;
  /** Told of files of layers that made room for others. */
  readonly onShardsRemoved?: (removed: RemovedShards) => void;
  /** Gives up starting. */
  readonly signal: AbortSignal;
}

/** A model that was asked for and waits for other nodes. */
export interface WaitingModel {
  readonly name: string;
  /** What it needs and what there is. */
  readonly reason: string;
  /** Settles when it is up; never when the agent stops before. */
  readonly up: Promise<void>;
}

export interface RunningAgent {
  /** `http://127.0.0.1:11500` */
  readonly url: string;
  readonly models: readonly OpenedModelInfo[];
  /** Models that there is no room for yet. */
  readonly waiting: readonly WaitingModel[];
  mesh(): MeshState;
  /** Lets running answers finish within the gateway's bound. */
  stop(): Promise<void>;
}

/** Starts everything in order; what was started is stopped again when something fails or `signal` is given. */
export async function startAgent(settings: Settings, surroundings: AgentSurroundings): Promise<RunningAgent> {
  const { version, paths, logger, onProgress, signal } = surroundings;
  // Before anything is read out of it, or said of what cannot be.
  await makePrivateFolder(paths.state);
  const library = openLibrary(settings, surroundings);
  const asked = await askedModels(settings, library, signal);
  const metrics = new Metrics(readThisProcess);
  const agentMesh = await makeMesh(settings, surroundings);
  const { node, store, models } = openNode(settings, {
    ...surroundings,
    mesh: agentMesh.mesh,
    library,
    asked,
    onStep: metrics.observeStep.bind(metrics),
  });
  const rings = (): {
    readonly rings: readonly (ConductorSnapshot & { readonly model: string; readonly recoveries: number })[];
  } => ({
    rings: node.manager.rings.flatMap((ring) => {
      const snapshot = ring.snapshot();
      return snapshot === undefined ? [] : [{ model: ring.manifest.name, recoveries: ring.timesMended, ...snapshot }];
    }),
  });
  metrics.addSource(rings);
  metrics.addSource(() => ({ swarm: store.traffic, peers: countPeers(agentMesh.mesh) }));
  const tls = await readTlsFiles(settings);
  const access = withCommandKey(new LiveKeys(paths.keys, logger));
  const responses = openResponses(paths.responses, logger);
  const exporter =
    settings.otlp === undefined ? undefined : createTraceExporter({ endpoint: settings.otlp, version, clock: systemClock, logger });
  let isLoaded = false;
  const pulling = new PullingModels({
    models,
    mayPull: settings.autoPull,
    logger: logger.child({ scope: 'models' }),
    ...pullFunctions({ paths, environment: surroundings.environment, logger, library }),
  });
  const gateway = createGateway({
    models: pulling,
    logger,
    clock: systemClock,
    host: settings.host,
    port: settings.port,
    version,
    metrics,
    allowedHosts: settings.allowedHost,
    allowedOrigins: settings.allowedOrigin,
    loadingModels: () =>
      node.router.comingUp.map(({ name, progress }) => ({ model: name, progress: progress.fraction, message: progress.message })),
    healthDetails: rings,
    isLoaded: () => isLoaded,
    stageNames: (model) => node.stageNames(model),
    keys: access.keys,
    puller: createModelPuller({
      directory: paths.models,
      environment: surroundings.environment,
      home: homedir(),
      clock: systemClock,
      logger: logger.child({ scope: 'models' }),
      afterPull: () => library.refresh(),
    }),
    operations: new LiveOperations({ shipped: embeddedOperationDirectory, own: paths.operations, logger }),
    ...(responses === undefined ? {} : { responses }),
    ...(settings.apiKey === undefined ? {} : { apiKey: settings.apiKey }),
    ...(tls === undefined ? {} : { tls }),
    ...(exporter === undefined ? {} : { exporter }),
  });
  let url: string | undefined;
  const operations = agentOperations({
    version,
    url: () => url,
    apiKey: access.secret,
    certificate: tls?.certificate,
    mesh: () => agentMesh.state(),
    node,
    models,
  });
  const control = createControlServer({ socketPath: paths.socket, operations, version, logger });
  const up: LibraryModel[] = [];
  const waiting: WaitingModel[] = [];
  let stopSleep: (() => void) | undefined;
  const stop = async (): Promise<void> => {
    stopSleep?.();
    await Promise.all([gateway.stop(), node.leave()]);
    pulling.stop();
    await exporter?.stop();
    responses?.close();
    await node.stop();
    await store.stop();
    await library.stop();
    await agentMesh.stop();
    await control.stop();
  };
  try {
    // Two agents would share one identity: the second one ends here.
    await control.start();
    // Listening comes first: a taken port is found out before minutes of loading.
    await exporter?.start();
    await gateway.start();
    url = gateway.address().url;
    await library.start();
    await store.start();
    await node.start();
    await agentMesh.start();
    stopSleep = mindSleep(agentMesh, node, logger);
    for (const [index, model] of asked.entries()) {
      const progress: BringUpOptions['onProgress'] = ({ fraction }) => onProgress?.((index + fraction) / asked.length);
      const reason = await bringUp(node, model, { signal, onProgress: progress });
      if (reason === undefined) {
        up.push(model);
        continue;
      }
      // The machines that it lacks may start a minute later.
      if (agentMesh.state().state !== 'on' || settings.stages > 1) throw reason;
      waiting.push({ name: model.name, reason: reason.message, up: node.bringUpLater({ id: model.id, name: model.name }) });
    }
    isLoaded = true;
    await Promise.race([agentMesh.entered(), aborted(signal)]);
    signal.throwIfAborted();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    models: await Promise.all(up.map((model) => openedModelInfo(node, model))),
    waiting,
    mesh: () => agentMesh.state(),
    stop,
  };
}

/** Has the machine leave the others in good order when it sleeps. Returns how to stop. */
function mindSleep({ sleeper }: AgentMesh, { router }: Node, logger: Logger): (() => void) | undefined {
  if (sleeper === undefined) return undefined;
  const manners = new SleepManners({ router, mesh: sleeper, clock: systemClock, logger });
  const stopWatching = watchSleep(manners);
  return () => {
    stopWatching();
    manners.stop();
  };
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

/** Returns why there is no room for the model. Throws what else keeps it from coming up. */
async function bringUp(node: Node, model: LibraryModel, options: BringUpOptions): Promise<PippaError | undefined> {
  try {
    await node.bringUp({ id: model.id, name: model.name }, options);
    return undefined;
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof PippaError && error.code === 'placement_refused') return error;
    throw new UnusableModelError(model.paths[0] ?? model.name, error);
  }
}

/** The models asked for, each once. Throws `NoSuchModelError`, `UnusableModelError`, and `UsageError` for two of one name. */
async function askedModels(settings: Settings, library: Library, signal: AbortSignal): Promise<readonly LibraryModel[]> {
  const asked = settings.model.filter((model) => model !== NO_MODEL);
  const models = new Map<string, LibraryModel>();
  for (const name of asked) {
    const entry = await library.resolve(name, { signal });
    if (entry.kind === 'broken') throw await whyBroken(entry, signal);
    models.set(entry.paths[0] ?? entry.name, entry);
  }
  const names = [...models.values()].map((model) => model.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return [...models.values()];
  throw new UsageError(`Two of the models are named "${twice}".`, {
    hint: 'Rename one of the files: requests name a model by its file.',
  });
}

function countPeers(mesh: Mesh): Record<PeerState, number> {
  const counts = { alive: 0, suspect: 0, dead: 0 };
  for (const { state } of mesh.peers()) counts[state] += 1;
  return counts;
}
