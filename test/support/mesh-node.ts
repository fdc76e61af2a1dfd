/**
 * A node of a mesh in a process of its own, driven by its parent over IPC: what runs on every machine of a house, without HTTP. Started by
 * `remote-node.ts`.
 */
import {
  DEFAULT_SAMPLER_SETTINGS,
  peerId,
  PippaError,
  silentLogger,
  type GenerationUsage,
  type Mesh,
  type TokenLogprob,
} from '@pippa/core';
import { join } from 'node:path';
import { createMesh, memoryMeshState } from '@pippa/mesh';
import { firstCard } from '../../agent/src/mesh/first-card.ts';
import type { NamedModel } from '../../agent/src/node/model-files.ts';
import { Node } from '../../agent/src/node/node.ts';
import { transferBytesPerSecond } from '../../agent/src/node/transfer-rate.ts';
import { openStore } from '../bench/bulk/open-store.ts';
import type { GenerateOrder, Generated, MeshNodeOptions, NodeCommand, NodeReport } from './mesh-node-messages.ts';
import { fileLogger } from './file-logger.ts';
import { nodeFacts } from './node-facts.ts';
import { SeveralFiles } from './several-files.ts';

let node: Node | undefined;
let files: SeveralFiles | undefined;
let stopMesh: (() => Promise<void>) | undefined;
const clients = new Map<number, AbortController>();

/** The parent may be gone. */
const tell = (report: NodeReport): void => void (process.connected && process.send?.(report));

// Whoever started it is gone, however that came about.
process.on('disconnect', () => process.exit());
process.on('message', ({ id, command }: { readonly id: number; readonly command: NodeCommand }) => {
  obey(id, command).then(
    (value) => tell({ id, value }),
    (error: unknown) => tell({ id, error: String(error), reason: error instanceof PippaError ? error.name : '' }),
  );
});

async function obey(id: number, command: NodeCommand): Promise<unknown> {
  if (command.kind === 'start') return start(command.options);
  if (node === undefined || files === undefined) throw new Error('not started');
  switch (command.kind) {
    case 'know':
      await files.add(command.path);
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
    case 'down':
      for (const ring of node.manager.rings) await node.manager.takeDown(ring.id, { forget: true });
      return null;
    case 'generate':
      return generate(node, files.named(command.path), id, command);
    case 'cancel':
      clients.get(command.id)?.abort(new Error('The client left.'));
      return null;
    case 'facts':
      return nodeFacts(node, command.collect ?? false);
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
  const { spillDirectory, journalMemoryBytes } = options;
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
    ...(spillDirectory === undefined ? {} : { spillDirectory }),
    ...(journalMemoryBytes === undefined ? {} : { journalMemoryBytes }),
    wishes: {
      contextTokens,
      parallelSequences,
      strategy: 'throughput',
      activations: 'f32',
      exactReplay: options.exactReplay ?? false,
      localStages: undefined,
    },
    ...(options.keepsSpares === undefined ? {} : { ring: { keepsSpares: options.keepsSpares } }),
    keepAliveMs: options.keepAliveMs ?? Number.POSITIVE_INFINITY,
    copies: options.copies ?? { most: 1 },
    logger: options.logDirectory === undefined ? silentLogger : fileLogger(join(options.logDirectory, `${name}.log`)),
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

async function generate(conducting: Node, model: NamedModel, id: number, order: GenerateOrder): Promise<Generated> {
  const { prompt, maxTokens, logprobs = -1, temperature = 0, seed = 1 } = order;
  const client = new AbortController();
  clients.set(id, client);
  try {
    const generator = conducting.generatorFor(model);
    const sampler = { ...DEFAULT_SAMPLER_SETTINGS, temperature, seed, ignoreEndOfGeneration: true };
    const request = { prompt: Int32Array.from(prompt), sampler, maxTokens, logprobs, lane: 'interactive' as const };
    const started = performance.now();
    const arrivedMs: number[] = [];
    const tokens: number[] = [];
    const chosen: number[] = [];
    let first: TokenLogprob | undefined;
    let usage: GenerationUsage | undefined;
    for await (const event of generator.generate(request, { signal: client.signal })) {
      if (event.kind === 'end') {
        usage = event.usage;
      } else {
        arrivedMs.push(performance.now() - started);
        tokens.push(event.token);
        first ??= event.logprob;
        if (event.logprob !== undefined) chosen.push(event.logprob.logprob);
        tell({ id, told: { token: event.token, position: event.position } });
      }
    }
    if (usage === undefined) throw new Error('no end');
    const [firstMs = Number.NaN] = arrivedMs;
    return { firstMs, lastMs: arrivedMs.at(-1) ?? Number.NaN, arrivedMs, tokens, usage, first, logprobs: chosen };
  } finally {
    clients.delete(id);
  }
}
