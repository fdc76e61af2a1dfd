import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, type PeerId } from '@pippa/core';
import { createMesh, foundMesh, memoryMeshState, type MeshNode, type MeshOptions } from '@pippa/mesh';
import { createLibrary, createModelStore } from '@pippa/models';
import { STREAM_FRAME_LIMITS, STREAM_PROTOCOL } from '@pippa/protocol';
import { blankCard, writeTinyModel } from '@pippa/testing';
import { answerClock } from '../../../agent/src/mesh/clock-offsets.ts';
import { SharedJoins, type JoinDesk } from '../../../agent/src/mesh/shared-joins.ts';
import { Node } from '../../../agent/src/node/node.ts';
import { SingleFile } from '../../../agent/src/node/single-file.ts';
import { PeerStream } from '../../../packages/mesh/src/streams/peer-stream.ts';
import { createTransport } from '../../../packages/mesh/src/transport/create-libp2p.ts';

type Transport = Awaited<ReturnType<typeof createTransport>>;
export type RawStream = Awaited<ReturnType<ReturnType<Transport['getConnections']>[number]['newStream']>>;

/** Everything of a node that answers others, on a mesh. */
export interface Residents {
  stop(): Promise<void>;
}

/** A node with a model on disk, which it serves, hands on and plans with; and those who ask to be let in. */
export async function populate(mesh: JoinDesk, folder: string): Promise<Residents> {
  const own = join(folder, 'models');
  await mkdir(own);
  const modelPath = join(own, 'tiny.gguf');
  await writeTinyModel(modelPath, {});
  const library = createLibrary({
    places: [{ kind: 'own', directory: own }],
    memoryPath: join(folder, 'library.json'),
    clock: systemClock,
    logger: silentLogger,
  });
  const store = createModelStore({
    library,
    mesh,
    piecesDirectory: join(folder, 'pieces'),
    tablesDirectory: join(folder, 'tables'),
    ownDirectory: own,
    clock: systemClock,
    logger: silentLogger,
    random: Math.random,
    direct: { host: '127.0.0.1', addresses: () => ['127.0.0.1'] },
  });
  await store.start();
  const node = new Node({
    mesh,
    files: await SingleFile.read(modelPath, 'tiny', {}),
    budgetBytes: 64 * 1024 * 1024,
    threads: 1,
    shardDirectory: join(folder, 'shards'),
    wishes: {
      contextTokens: 256,
      parallelSequences: 1,
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
  const joins = new SharedJoins(mesh, silentLogger);
  const stopClock = answerClock(mesh, systemClock);
  const stopEcho = mesh.answer('test/echo', async (question) => question);
  return {
    async stop() {
      joins.stop();
      stopClock();
      stopEcho();
      await node.stop();
      await store.stop();
    },
  };
}

/** A whole node, a member that it has nothing to fear of, and one that sends it what it likes. */
export class HostileHouse {
  readonly victim: MeshNode;
  readonly bystander: MeshNode;
  readonly attacker: MeshNode;
  readonly #residents: Residents;
  readonly #transports: ReadonlyMap<MeshNode, Transport>;
  readonly #folder: string;

  private constructor(parts: {
    readonly victim: MeshNode;
    readonly bystander: MeshNode;
    readonly attacker: MeshNode;
    readonly residents: Residents;
    readonly transports: ReadonlyMap<MeshNode, Transport>;
    readonly folder: string;
  }) {
    this.victim = parts.victim;
    this.bystander = parts.bystander;
    this.attacker = parts.attacker;
    this.#residents = parts.residents;
    this.#transports = parts.transports;
    this.#folder = parts.folder;
  }

  static async open(): Promise<HostileHouse> {
    const folder = await mkdtemp(join(tmpdir(), 'pippa-hostile-'));
    const membership = foundMesh();
    const transports = new Map<MeshNode, Transport>();
    const start = async (name: string, options: Partial<MeshOptions> = {}): Promise<MeshNode> => {
      const { peer: _peer, version: _version, protocolVersion: _protocol, ...card } = blankCard(name);
      let transport: Transport | undefined;
      const mesh = createMesh({
        state: await memoryMeshState({ membership }),
        card,
        listen: { hosts: ['127.0.0.1'] },
        discovery: false,
        createTransport: async (wanted) => (transport = await createTransport(wanted)),
        ...options,
      });
      await mesh.start();
      if (transport !== undefined) transports.set(mesh, transport);
      return mesh;
    };
    const victim = await start('victim');
    const residents = await populate(victim, folder);
    const bystander = await start('bystander', { peers: victim.addresses });
    const attacker = await start('attacker', { peers: victim.addresses });
    const house = new HostileHouse({ victim, bystander, attacker, residents, transports, folder });
    await Promise.all([bystander, attacker].map(async (mesh) => untilKnown(mesh, victim.self)));
    return house;
  }

  /** A stream to the victim that nothing was said over yet. */
  async rawStream(): Promise<RawStream> {
    const connection = this.#transports
      .get(this.attacker)
      ?.getConnections()
      .find(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === this.victim.self);
    if (connection === undefined) throw new Error('The attacker has no connection to the victim.');
    return connection.newStream(STREAM_PROTOCOL, { maxOutboundStreams: 10_000 });
  }

  /** Reads what the victim says over a raw stream. */
  read(raw: RawStream): PeerStream {
    return new PeerStream(raw, {
      peer: this.victim.self,
      protocol: 'hostile',
      limits: STREAM_FRAME_LIMITS,
      onNegotiation: () => {},
    });
  }

  /** Open streams at the victim, of all its connections. */
  get openStreams(): number {
    const connections = this.#transports.get(this.victim)?.getConnections() ?? [];
    return connections.reduce((sum, { streams }) => sum + streams.filter(({ status }) => status === 'open').length, 0);
  }

  async close(): Promise<void> {
    await this.#residents.stop();
    for (const mesh of [this.attacker, this.bystander, this.victim]) await mesh.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function untilKnown(mesh: MeshNode, peer: PeerId): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (mesh.peer(peer)?.card === undefined) return;
      stop();
      resolve();
    };
    const stop = mesh.onPeersChanged(look);
    look();
  });
}
