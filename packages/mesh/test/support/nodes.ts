import type { Mesh, NodeCard, Peer, PeerId } from '@pippa/core';
import { blankCard } from '@pippa/testing';
import type { Libp2p } from 'libp2p';
import { createTransport } from '../../src/transport/create-libp2p.ts';
import {
  createMesh,
  foundMesh,
  memoryMeshState,
  type CardContent,
  type Membership,
  type MeshNode,
  type MeshOptions,
} from '../../src/index.ts';

export function cardOf(name: string, fields: Partial<CardContent> = {}): CardContent {
  const { peer: _peer, version: _version, protocolVersion: _protocolVersion, ...content } = blankCard(name);
  return { ...content, ...fields };
}

/** Nodes on loopback that stop together. */
export class TestNodes implements AsyncDisposable {
  readonly membership: Membership = foundMesh();
  readonly nodes: MeshNode[] = [];
  readonly transports = new Map<MeshNode, Libp2p>();

  async start(
    name: string,
    options: Partial<MeshOptions> & { readonly membership?: Membership | undefined } = {},
  ): Promise<MeshNode> {
    const { membership = this.membership, ...rest } = options;
    let transport: Libp2p | undefined;
    const node = createMesh({
      createTransport: async (transportOptions) => {
        transport = await createTransport(transportOptions);
        return transport;
      },
      state: rest.state ?? (await memoryMeshState({ membership })),
      card: cardOf(name),
      listen: { hosts: ['127.0.0.1'] },
      discovery: false,
      peers: this.nodes.slice(0, 1).flatMap((first) => first.addresses),
      ...rest,
    });
    this.nodes.push(node);
    await node.start();
    if (transport !== undefined) this.transports.set(node, transport);
    return node;
  }

  /** What the kernel does for a killed process: connections and listeners close, and nobody says goodbye. */
  async crash(node: MeshNode): Promise<void> {
    await this.transports.get(node)?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => node.stop()));
  }
}

/** Settles when `holds` does, looked at now and after each change of a peer; rejects after `timeoutMs`. */
export async function until(mesh: Mesh, holds: () => boolean, timeoutMs = 8_000): Promise<void> {
  if (holds()) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`Still not so after ${timeoutMs} ms: ${holds.toString()}`)), timeoutMs);
  const stop = mesh.onPeersChanged(() => {
    if (holds()) resolve();
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

export async function untilPeer(mesh: Mesh, id: PeerId, holds: (peer: Peer) => boolean, timeoutMs?: number): Promise<Peer> {
  let found: Peer | undefined;
  await until(
    mesh,
    () => {
      const peer = mesh.peer(id);
      if (peer !== undefined && holds(peer)) found = peer;
      return found !== undefined;
    },
    timeoutMs,
  );
  if (found === undefined) throw new Error('unreachable');
  return found;
}

export async function untilCard(mesh: Mesh, id: PeerId, holds: (card: NodeCard) => boolean = () => true): Promise<NodeCard> {
  const peer = await untilPeer(mesh, id, ({ state, card }) => state === 'alive' && card !== undefined && holds(card));
  if (peer.card === undefined) throw new Error('unreachable');
  return peer.card;
}

export async function connected(...nodes: readonly MeshNode[]): Promise<void> {
  await Promise.all(
    nodes.flatMap((node) => nodes.filter((other) => other !== node).map(async (other) => untilCard(node, other.self))),
  );
}
