/**
 * A node of a mesh in a process of its own, driven by its parent over IPC: what runs on every machine of a house, without HTTP. Started by
 * `mesh-ring.ts`.
 */
import { DEFAULT_SAMPLER_SETTINGS, peerId, silentLogger, type GenerationUsage, type Mesh, type TokenLogprob } from '@pippa/core';
import type { Recovery } from '@pippa/ring';
import { createMesh, memoryMeshState, type Membership } from '@pippa/mesh';
import { firstCard } from '../../../agent/src/mesh/first-card.ts';
import type { NamedModel } from '../../../agent/src/node/model-files.ts';
import { Node } from '../../../agent/src/node/node.ts';
import { SeveralFiles } from './several-files.ts';
import { transferBytesPerSecond } from '../../../agent/src/node/transfer-rate.ts';
import { openStore } from '../bulk/open-store.ts';
import type { Generated } from './local-ring.ts';

export interface MeshNodeOptions {
  readonly name: string;
  /** Address to listen on; 127.0.0.1 when left out. */
  readonly host?: string;
  /** The model that is meant where none is named. */
  readonly modelPath: string;
  readonly membership: Membership;
  readonly peers: readonly string[];
  readonly budgetBytes: number;
  readonly shardDirectory: string;
  readonly contextTokens: number;
  readonly parallelSequences: number;
  readonly exactReplay?: boolean;
  /** Second copies of stages where there is room; left out: as agents do. */
  readonly keepsSpares?: boolean;
  /** A folder whose models this node gives to others, at the rate that the agent would. */
  readonly shareDirectory?: string;
}

export type NodeCommand =
  | { readonly kind: 'start'; readonly options: MeshNodeOptions }
  /** Makes a file known to this node as a model. */
  | { readonly kind: 'know'; readonly path: string }
  /** Has the model up over this many nodes, this one conducting; `only`: peers that may hold stages. Answers its stages. */
  | { readonly kind: 'up'; readonly stages: number; readonly path?: string; readonly only?: readonly string[] }
  /** Takes all rings down that this node conducts. */
  | { readonly kind: 'down' }
  | {
      readonly kind: 'generate';
      readonly prompt: readonly number[];
      readonly maxTokens: number;
      readonly logprobs?: number;
      readonly path?: string;
    }
  | { readonly kind: 'facts' }
  /** In good order: what it holds is taken over first. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'stop' };

export interface NodeFacts {
  readonly peers: number;
  readonly alivePeers: number;
  readonly running: number;
  readonly stages: readonly { readonly from: number; readonly to: number; readonly memoryBytes: number }[];
  readonly generatedTokens: number;
  /** Names of the rings of the mesh that can be asked. */
  readonly knownRings: readonly string[];
  readonly recoveries: readonly Recovery[];
  /** Layers that the rings conducted here have a second copy of. */
  readonly spares: readonly { readonly from: number; readonly to: number }[];
  /** What handling a step takes the thread of the first stage here beyond computing. */
  readonly medianHandlingMs: number;
  readonly rssBytes: number;
  readonly cpuMs: number;
}

export type GeneratedOverMesh = Generated & {
  readonly tokens: readonly number[];
  readonly usage: GenerationUsage;
  readonly first: TokenLogprob | undefined;
  /** Of the tokens, where they were asked for. */
  readonly logprobs: readonly number[];
};

let node: Node | undefined;
let files: SeveralFiles | undefined;
let stopMesh: (() => Promise<void>) | undefined;

process.on('message', ({ id, command }: { readonly id: number; readonly command: NodeCommand }) => {
  obey(command).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});

async function obey(command: NodeCommand): Promise<unknown> {
  if (command.kind === 'start') return start(command.options);
  if (node === undefined || files === undefined) throw new Error('not started');
  switch (command.kind) {
    case 'know':
      await files.add(command.path);
      return null;
    case 'down':
      for (const ring of node.manager.rings) await node.manager.takeDown(ring.id, { forget: true });
      return null;
    case 'up': {
      // One thread a stage, whatever the planner would choose: the first layers here, the rest in equal parts on the peers.
      const only = command.only === undefined ? {} : { only: command.only.map(peerId) };
      const wish = node.wishFor(files.named(command.path), { stages: command.stages, keep: true, ...only });
      const own = { ...wish, only: [node.mesh.self] };
      if (command.stages === 1) await node.router.bringUp(own, { signal: AbortSignal.timeout(120_000) });
      else await node.manager.bringUp(wish, undefined, { signal: AbortSignal.timeout(120_000) });
      return node.manager.rings[0]?.stages;
    }
    case 'generate':
      return generate(node, files.named(command.path), command);
    case 'facts': {
      const { user, system } = process.cpuUsage();
      const stages = node.mesh.card.stages.map(({ from, to, memoryBytes }) => ({ from, to, memoryBytes }));
      const facts: NodeFacts = {
        peers: node.mesh.peers().filter((peer) => peer.card !== undefined).length,
        alivePeers: node.mesh.peers().filter((peer) => peer.state === 'alive' && peer.card !== undefined).length,
        running: node.manager.rings.reduce(
          (sum, ring) => sum + (ring.snapshot()?.running ?? 0) + (ring.snapshot()?.waiting ?? 0),
          0,
        ),
        stages,
        generatedTokens: node.manager.rings.reduce((sum, ring) => sum + (ring.snapshot()?.generatedTokens ?? 0), 0),
        knownRings: node.router.rings().flatMap(({ card }) => (card.state === 'ready' ? [card.ring] : [])),
        spares: node.manager.rings.flatMap((ring) => ring.spares),
        recoveries: node.manager.rings.flatMap((ring) => ring.recoveries),
        medianHandlingMs: node.host.threads[0]?.medianHandlingMs ?? 0,
        rssBytes: process.memoryUsage.rss(),
        cpuMs: (user + system) / 1000,
      };
      return facts;
    }
    case 'leave':
      await node.leave();
      await node.stop();
      await stopMesh?.();
      return null;
    case 'stop':
      await node.stop();
      await stopMesh?.();
      return null;
  }
}

async function start(options: MeshNodeOptions): Promise<readonly string[]> {
  const { name, budgetBytes, membership, peers, contextTokens, parallelSequences, shardDirectory } = options;
  const platform = `${process.platform}-${process.arch}`;
  const machine = { platform, chip: 'bench', cores: 1, totalBytes: budgetBytes, budgetBytes };
  const mesh = createMesh({
    state: await memoryMeshState({ membership }),
    card: { ...firstCard({ name, agentVersion: '', machine }), memoryBandwidth: 10e9, computeRate: 1e11 },
    listen: { hosts: [options.host ?? '127.0.0.1'] },
    discovery: false,
    peers,
  });
  await mesh.start();
  stopMesh = () => mesh.stop();
  files = await SeveralFiles.of(options.modelPath);
  node = new Node({
    mesh,
    files,
    budgetBytes,
    threads: 1,
    shardDirectory,
    wishes: {
      contextTokens,
      parallelSequences,
      strategy: 'throughput',
      activations: 'f32',
      exactReplay: options.exactReplay ?? false,
      localStages: undefined,
    },
    ...(options.keepsSpares === undefined ? {} : { ring: { keepsSpares: options.keepsSpares } }),
    keepAliveMs: Number.POSITIVE_INFINITY,
    logger: silentLogger,
  });
  await node.start();
  if (options.shareDirectory !== undefined) await share(mesh, node, options.shareDirectory);
  return mesh.addresses;
}

async function share(mesh: Mesh, busy: Node, directory: string): Promise<void> {
  const store = openStore(mesh, directory, () => transferBytesPerSecond(mesh, undefined, busy.isComputing));
  await store.start();
  for (const model of store.list()) await store.prepare(model.id);
  mesh.updateCard({ models: store.list() });
}

async function generate(
  conducting: Node,
  model: NamedModel,
  { prompt, maxTokens, logprobs = -1 }: Extract<NodeCommand, { kind: 'generate' }>,
): Promise<GeneratedOverMesh> {
  const generator = conducting.generatorFor(model);
  const sampler = { ...DEFAULT_SAMPLER_SETTINGS, temperature: 0, seed: 1, ignoreEndOfGeneration: true };
  const request = { prompt: Int32Array.from(prompt), sampler, maxTokens, logprobs, lane: 'interactive' as const };
  const started = performance.now();
  const arrivedMs: number[] = [];
  const tokens: number[] = [];
  const chosen: number[] = [];
  let first: TokenLogprob | undefined;
  let usage: GenerationUsage | undefined;
  for await (const event of generator.generate(request)) {
    if (event.kind === 'end') {
      usage = event.usage;
    } else {
      arrivedMs.push(performance.now() - started);
      tokens.push(event.token);
      first ??= event.logprob;
      if (event.logprob !== undefined) chosen.push(event.logprob.logprob);
    }
  }
  if (usage === undefined) throw new Error('no end');
  return {
    firstMs: arrivedMs[0] ?? Number.NaN,
    lastMs: arrivedMs.at(-1) ?? Number.NaN,
    arrivedMs,
    tokens,
    usage,
    first,
    logprobs: chosen,
  };
}
