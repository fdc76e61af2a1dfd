import { join } from 'node:path';
import { foundMesh, type Membership } from '@pippa/mesh';
import type { CopySettings } from '@pippa/ring';
import type { NodePlace } from '../../support/node-place.ts';
import { RemoteNode } from '../../support/remote-node.ts';
import { benchDirectory, benchModelPath } from './bench-model.ts';

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
  /** How long a model that a request brought up stays; left out: for good. */
  readonly keepAliveMs?: number;
  /** Left out: there are no copies. */
  readonly copies?: Partial<CopySettings>;
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
    const keepAlive = options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs };
    const share = options.shareDirectory === undefined ? {} : { shareDirectory: options.shareDirectory };
    const copies = options.copies === undefined ? {} : { copies: options.copies };
    const start = {
      ...share,
      ...copies,
      ...keepAlive,
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
