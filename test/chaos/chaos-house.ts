import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryEstimate, readGgufModel } from '@pippa/gguf';
import { foundMesh } from '@pippa/mesh';
import { RemoteNode } from '../bench/harness/mesh-ring.ts';

const DEMO_MODEL = fileURLToPath(new URL('../../agent/models/pippa-tiny.gguf', import.meta.url));
const CONTEXT_TOKENS = 512;
const PARALLEL = 4;

/** Processes that are nodes of one mesh over libp2p on loopback, none of which may hold the model alone; one of them is never touched. */
export class ChaosHouse implements AsyncDisposable {
  /** Takes the requests, and stays. */
  readonly front: RemoteNode;
  /** Whoever else is there. */
  readonly others: RemoteNode[] = [];
  readonly #membership = foundMesh();
  readonly #folder: string;
  readonly #budgetBytes: number;
  readonly #exactReplay: boolean;
  #addresses: readonly string[] = [];
  #started = 0;

  private constructor(folder: string, budgetBytes: number, exactReplay: boolean) {
    this.#exactReplay = exactReplay;
    this.#folder = folder;
    this.#budgetBytes = budgetBytes;
    this.front = new RemoteNode('front');
  }

  static async open(others: number, options: { readonly exactReplay: boolean }): Promise<ChaosHouse> {
    const model = await readGgufModel(DEMO_MODEL);
    const shape = { from: 0, to: 8, contextCells: CONTEXT_TOKENS * PARALLEL, parallelSequences: PARALLEL, maxRows: 256 };
    const whole = memoryEstimate(model, shape);
    const folder = await mkdtemp(join(tmpdir(), 'pippa-chaos-'));
    const budgetBytes = Math.round((whole.weights + whole.context + whole.compute) * 0.7);
    const house = new ChaosHouse(folder, budgetBytes, options.exactReplay);
    house.#addresses = await house.#start(house.front);
    for (let index = 0; index < others; index += 1) await house.join();
    await house.settled();
    return house;
  }

  async join(): Promise<void> {
    this.#started += 1;
    const node = new RemoteNode(`n${this.#started}`);
    this.others.push(node);
    await this.#start(node);
  }

  /** Forgets a node that was killed or has left. */
  drop(node: RemoteNode): void {
    const index = this.others.indexOf(node);
    if (index >= 0) this.others.splice(index, 1);
  }

  /** Waits until the front knows everybody. */
  async settled(): Promise<void> {
    const seen = async (): Promise<number> => (await this.front.facts()).alivePeers;
    while ((await seen()) < this.others.length) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async #start(node: RemoteNode): Promise<readonly string[]> {
    const options = {
      name: node.name,
      modelPath: DEMO_MODEL,
      membership: this.#membership,
      peers: this.#addresses,
      budgetBytes: this.#budgetBytes,
      shardDirectory: join(this.#folder, 'shards'),
      contextTokens: CONTEXT_TOKENS,
      parallelSequences: PARALLEL,
      exactReplay: this.#exactReplay,
    };
    return (await node.ask({ kind: 'start', options })) as readonly string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [...this.others, this.front]) {
      node.signal('SIGCONT');
      await node[Symbol.asyncDispose]();
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
