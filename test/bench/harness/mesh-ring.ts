import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foundMesh, type Membership } from '@pippa/mesh';
import { benchDirectory, benchModelPath } from './bench-model.ts';
import type { GeneratedOverMesh, NodeCommand, NodeFacts } from './mesh-node.ts';

const ENTRY = join(import.meta.dirname, 'mesh-node.ts');

/** A node in another process. */
export class RemoteNode implements AsyncDisposable {
  readonly name: string;
  /** Where other nodes find it, once it has started. */
  addresses: readonly string[] = [];
  /** Who it is, once it has started. */
  peer = '';
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #nextId = 0;

  /** `machine`: the network namespace to run in; left out: this one. */
  constructor(name: string, machine?: string) {
    this.name = name;
    this.#child = fork(ENTRY, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      ...(machine === undefined ? {} : { execPath: 'ip', execArgv: ['netns', 'exec', machine, process.execPath] }),
    });
    this.#child.on('message', (message: { readonly id: number; readonly value?: unknown; readonly error?: string }) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(`${this.name}: ${message.error}`));
    });
    this.#child.on('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error(`${this.name} ended.`));
    });
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** `path`: of the model; left out: the one it was started with. */
  generate(prompt: readonly number[], maxTokens: number, logprobs = -1, path?: string): Promise<GeneratedOverMesh> {
    const of = path === undefined ? {} : { path };
    return this.ask({ kind: 'generate', prompt, maxTokens, logprobs, ...of }) as Promise<GeneratedOverMesh>;
  }

  facts(): Promise<NodeFacts> {
    return this.ask({ kind: 'facts' }) as Promise<NodeFacts>;
  }

  /** Milliseconds of processor time so far (Linux; 0 elsewhere). */
  cpuMs(): number {
    try {
      const fields = readFileSync(`/proc/${this.processId}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return 0;
    }
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  ask(command: NodeCommand): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`${this.name} has ended.`));
        return;
      }
      const id = (this.#nextId += 1);
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, command });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    await this.ask({ kind: 'stop' }).catch(() => {});
    this.#child.kill();
    await ended;
  }
}

/** A network namespace, and an address there. */
export interface NodePlace {
  readonly machine: string;
  readonly address: string;
}

export interface MeshRingOptions {
  readonly nodes: number;
  readonly contextTokens: number;
  readonly parallelSequences: number;
  /** What models may take on each node. */
  readonly budgetBytes: number;
  /** A new mesh when left out. */
  readonly membership?: Membership;
  /** Whether second copies of stages are loaded where there is room. */
  readonly keepsSpares?: boolean;
  /** A folder of models that the nodes give to others. */
  readonly shareDirectory?: string;
  /** Addresses of nodes of the mesh that are there already. */
  readonly peers?: readonly string[];
  /** Where the nodes run, in order; left out: all on loopback. */
  readonly places?: readonly NodePlace[];
  /** What is computed again comes out the same, and steps have shapes that do not depend on placement. */
  readonly exactReplay?: boolean;
  /** Left out: the benches' own model, and where they keep its shards. */
  readonly modelPath?: string;
  readonly shardDirectory?: string;
}

/** Nodes in processes of their own that know each other, over libp2p and noise on loopback; each computes with one thread. */
export async function openMeshNodes(options: MeshRingOptions): Promise<readonly RemoteNode[]> {
  const membership = options.membership ?? foundMesh();
  const modelPath = options.modelPath ?? (await benchModelPath());
  const nodes: RemoteNode[] = [];
  let addresses = options.peers ?? [];
  for (let index = 0; index < options.nodes; index += 1) {
    const name = `node-${index}`;
    const node = new RemoteNode(name, options.places?.[index]?.machine);
    nodes.push(node);
    const { contextTokens, parallelSequences, budgetBytes, keepsSpares = false, exactReplay = false } = options;
    const share = options.shareDirectory === undefined ? {} : { shareDirectory: options.shareDirectory };
    const start = {
      ...share,
      name,
      modelPath,
      membership,
      peers: addresses,
      budgetBytes,
      contextTokens,
      parallelSequences,
      keepsSpares,
      exactReplay,
      host: options.places?.[index]?.address ?? '127.0.0.1',
    };
    const found = (await node.ask({
      kind: 'start',
      options: { ...start, shardDirectory: options.shardDirectory ?? join(benchDirectory, 'shards') },
    })) as readonly string[];
    node.addresses = found;
    node.peer = found[0]?.split('/p2p/')[1] ?? '';
    if (index === 0 && addresses.length === 0) addresses = found;
  }
  for (const node of nodes) {
    while ((await node.facts()).peers < options.nodes - 1) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return nodes;
}
