import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readGgufModel, type GgufModel } from '@pippa/gguf';
import { foundMesh } from '@pippa/mesh';
import { FaultyNetwork } from '../../support/faulty-network.ts';
import type { MeshNodeOptions, NodeFacts } from '../../support/mesh-node-messages.ts';
import { RemoteNode } from '../../support/remote-node.ts';
import { roomForLayers } from '../../support/room-for-layers.ts';
import { LINK_FAULTS, type FaultKind } from './plan-faults.ts';
import type { Random } from '../../../packages/ring/test/support/random.ts';

const run = promisify(execFile);
/** Nodes log there what they do. */
const logDirectory = process.env['PIPPA_CHAOS_LOGS'];

export const DEMO_MODEL = fileURLToPath(new URL('../../../agent/models/pippa-tiny.gguf', import.meta.url));
export const CONTEXT_TOKENS = 512;
export const PARALLEL = 4;
export const LEAST_NODES = 3;
export const MOST_NODES = 5;
/** More than nodes: those who leave keep their places until they are gone, and the next ones come meanwhile. */
const MACHINES = 2 * MOST_NODES;
/** So little that answers of some hundred tokens spill. */
const JOURNAL_BYTES = 96 * 1024;
/** Addresses that were silent are dialled again after 15 seconds at most. */
const SETTLED_WITHIN_MS = 60_000;
/** So many layers a node has room for: two or three of them hold the model. */
const ROOM_LAYERS = [3, 4, 6] as const;
const LAYERS = 8;
const SHAPE = { contextCells: CONTEXT_TOKENS * PARALLEL, parallelSequences: PARALLEL, maxRows: 256 };

export interface HouseNode {
  readonly remote: RemoteNode;
  /** Its place in the network. */
  readonly machine: number;
  readonly budgetBytes: number;
  /** What it was like before it did anything. */
  readonly baseline: NodeFacts;
}

/** What the whole model takes. */
export async function wholeModelBytes(): Promise<number> {
  return roomForLayers(await readGgufModel(DEMO_MODEL), LAYERS, SHAPE);
}

/** Processes that are nodes of one mesh, none of which may hold the model alone, on machines of a network whose links can be spoilt. */
export class House implements AsyncDisposable {
  readonly nodes: HouseNode[] = [];
  readonly network: FaultyNetwork | undefined;
  /** Why some faults cannot happen here. */
  readonly leftOut: readonly string[];
  readonly without: readonly FaultKind[];
  /** Nodes that somebody stopped, and clients of theirs lost their answers. */
  readonly #gone = new WeakSet<RemoteNode>();
  readonly #membership = foundMesh();
  readonly #folder: string;
  readonly #model: GgufModel;
  readonly #options: { readonly exactReplay: boolean; readonly random: Random };
  readonly #busyMachines = new Set<number>();
  #started = 0;

  private constructor(parts: {
    readonly folder: string;
    readonly network: FaultyNetwork | undefined;
    readonly leftOut: readonly string[];
    readonly without: readonly FaultKind[];
    readonly model: GgufModel;
    readonly options: { readonly exactReplay: boolean; readonly random: Random };
  }) {
    this.#folder = parts.folder;
    this.network = parts.network;
    this.leftOut = parts.leftOut;
    this.without = parts.without;
    this.#model = parts.model;
    this.#options = parts.options;
  }

  static async open(options: { readonly exactReplay: boolean; readonly random: Random }): Promise<House> {
    const leftOut: string[] = [];
    const without: FaultKind[] = [];
    const network = await FaultyNetwork.open(MACHINES).catch((error: unknown) => {
      leftOut.push(`links stay as they are: a network of the test's own cannot be made here (${String(error)})`);
      without.push(...LINK_FAULTS);
      return undefined;
    });
    await limitFiles(process.pid, 'unlimited').catch((error: unknown) => {
      leftOut.push(`disks stay as they are: files cannot be limited here (${String(error)})`);
      without.push('fill the disk');
    });
    const folder = await mkdtemp(join(tmpdir(), 'pippa-chaos-'));
    const house = new House({ folder, network, leftOut, without, model: await readGgufModel(DEMO_MODEL), options });
    try {
      const { random } = options;
      const count = LEAST_NODES + random.below(MOST_NODES - LEAST_NODES + 1);
      await house.join();
      await Promise.all(Array.from({ length: count - 1 }, () => house.join()));
      await house.settled();
      return house;
    } catch (error) {
      await house[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As many as it may have, those who come or go just now included. */
  get isFull(): boolean {
    return this.#busyMachines.size >= MOST_NODES;
  }

  /** A new node on a free machine. */
  async join(): Promise<HouseNode> {
    const machine = Array.from({ length: MACHINES }, (_, index) => index).find((index) => !this.#busyMachines.has(index));
    if (machine === undefined) throw new Error('No machine is free.');
    this.#busyMachines.add(machine);
    this.#started += 1;
    const name = `n${this.#started}`;
    const { random, exactReplay } = this.#options;
    const budgetBytes = roomForLayers(this.#model, ROOM_LAYERS[random.below(ROOM_LAYERS.length)] ?? 0, SHAPE);
    const remote = new RemoteNode(name, this.network?.places[machine]?.machine);
    const host = this.network?.places[machine]?.address;
    const options: MeshNodeOptions = {
      name,
      ...(host === undefined ? {} : { host }),
      modelPath: DEMO_MODEL,
      membership: this.#membership,
      peers: this.nodes.flatMap((node) => node.remote.addresses),
      budgetBytes,
      shardDirectory: join(this.#folder, name, 'shards'),
      spillDirectory: join(this.#folder, name, 'spilled'),
      journalMemoryBytes: JOURNAL_BYTES,
      contextTokens: CONTEXT_TOKENS,
      parallelSequences: PARALLEL,
      exactReplay,
      ...(logDirectory === undefined ? {} : { logDirectory: join(logDirectory, exactReplay ? 'exact' : 'fast') }),
    };
    await mkdir(join(this.#folder, name), { recursive: true });
    remote.addresses = (await remote.ask({ kind: 'start', options })) as readonly string[];
    const node = { remote, machine, budgetBytes, baseline: await remote.facts({ collect: true }) };
    this.nodes.push(node);
    return node;
  }

  /** Its clients lose their answers from here on; it is nobody's victim any more. */
  giveUp({ remote }: HouseNode): void {
    this.#gone.add(remote);
    const index = this.nodes.findIndex((node) => node.remote === remote);
    if (index >= 0) this.nodes.splice(index, 1);
  }

  isGone(remote: RemoteNode): boolean {
    return this.#gone.has(remote);
  }

  /** Its process has ended. */
  free({ machine }: HouseNode): void {
    this.#busyMachines.delete(machine);
  }

  /** Waits until everybody knows everybody. */
  async settled(): Promise<void> {
    const others = this.nodes.length - 1;
    const untilMs = performance.now() + SETTLED_WITHIN_MS;
    for (const { remote } of this.nodes) {
      while ((await remote.facts()).alivePeers < others) {
        if (performance.now() > untilMs) throw new Error(`${remote.name} does not see everybody within ${SETTLED_WITHIN_MS} ms.`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Names of files that nodes left behind half-written; those that were killed are not asked. */
  async strayFiles(): Promise<readonly string[]> {
    const folders = this.nodes.map(({ remote }) => join(this.#folder, remote.name));
    const lists = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
    return lists.flat().flatMap((file) => (file.isFile() && !file.name.endsWith('.gguf') ? [file.name] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { remote } of this.nodes) {
      remote.signal('SIGCONT');
      await remote[Symbol.asyncDispose]();
    }
    await this.network?.[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Bytes that files of the process may have; what it writes behind that fails, as on a full disk. */
export async function limitFiles(processId: number, bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(processId), `--fsize=${bytes}:`], { timeout: 10_000 });
}
