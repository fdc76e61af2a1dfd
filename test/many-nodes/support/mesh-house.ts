import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type ServedModel } from '@pippa/core';
import { createMesh, foundMesh, memoryMeshState, type Membership, type MeshNode } from '@pippa/mesh';
import { firstCard } from '../../../agent/src/mesh/first-card.ts';
import { Node } from '../../../agent/src/node/node.ts';
import { SingleFile } from '../../../agent/src/node/single-file.ts';

/** Nodes in this process that know each other over libp2p on loopback, each with a real engine. */
export class MeshHouse implements AsyncDisposable {
  readonly nodes: Node[] = [];
  readonly #meshes: MeshNode[] = [];
  readonly #membership: Membership = foundMesh();
  readonly #file: SingleFile;
  readonly #folder: string;

  private constructor(file: SingleFile, folder: string) {
    this.#file = file;
    this.#folder = folder;
  }

  /** `modelPath`: the one model, which all nodes have on disk. */
  static async open(modelPath: string): Promise<MeshHouse> {
    const folder = await mkdtemp(join(tmpdir(), 'pippa-house-'));
    return new MeshHouse(await SingleFile.read(modelPath, 'model', {}), folder);
  }

  async add(name: string, budgetBytes: number, contextTokens = 512): Promise<Node> {
    const platform = `${process.platform}-${process.arch}`;
    const card = firstCard({
      name,
      agentVersion: '0.0.0',
      machine: { platform, chip: 'test', cores: 1, totalBytes: budgetBytes, budgetBytes },
    });
    const mesh = createMesh({
      state: await memoryMeshState({ membership: this.#membership }),
      card,
      listen: { hosts: ['127.0.0.1'] },
      discovery: false,
      peers: this.#meshes.slice(0, 1).flatMap((first) => first.addresses),
    });
    await mesh.start();
    this.#meshes.push(mesh);
    const node = new Node({
      mesh,
      files: this.#file,
      budgetBytes,
      threads: 1,
      shardDirectory: join(this.#folder, name),
      wishes: {
        contextTokens,
        parallelSequences: 2,
        strategy: 'speed',
        activations: 'f32',
        exactReplay: false,
        localStages: undefined,
      },
      keepAliveMs: Number.POSITIVE_INFINITY,
      copies: { most: 1 },
      logger: silentLogger,
    });
    await node.start();
    this.nodes.push(node);
    return node;
  }

  serve(node: Node): ServedModel {
    return node.serve(this.#file.named, { architecture: 'llama', parameterCount: 0, fileBytes: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node.stop();
    for (const mesh of this.#meshes) await mesh.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
