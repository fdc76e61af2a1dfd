import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufModel } from '@pippa/gguf';
import { foundMesh } from '@pippa/mesh';
import { writeTinyArchitecture } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMeshNodes } from '../bench/harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { roomForLayers } from '../support/room-for-layers.ts';
import { TestNetwork, whyNoNetworks } from './support/network.ts';

const LAYERS = 8;
const PARALLEL = 2;
const SHAPE = { contextTokens: 2048, parallelSequences: PARALLEL };
const TOKENS = 200;

const reason = await whyNoNetworks();
const promptOf = (client: number): readonly number[] =>
  Array.from({ length: 20 }, (_, index) => 3 + ((index * 37 + client * 11) % 300));

describe(`copies of a model under load ${reason === undefined ? 'on machines of their own' : 'on one machine'}`, () => {
  let folder: string;
  /** Bytes that all of the model takes on a node, and that half of it does. */
  let whole = 0;
  let half = 0;
  let network: TestNetwork | undefined;
  let nodes: readonly RemoteNode[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pippa-copies-'));
    await writeTinyArchitecture(join(folder, 'model.gguf'), 'llama', { layers: LAYERS });
    const header = await readGgufModel(join(folder, 'model.gguf'));
    const shape = { contextCells: SHAPE.contextTokens * PARALLEL, parallelSequences: PARALLEL, maxRows: 256 };
    whole = roomForLayers(header, LAYERS, shape);
    half = roomForLayers(header, LAYERS / 2, shape);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    nodes = [];
    await network?.[Symbol.asyncDispose]();
    network = undefined;
  };

  async function open(count: number, budgetBytes: number): Promise<void> {
    if (reason === undefined) network = await TestNetwork.create(count, [{ interface: 'eth0', ipv4: '10.78.0' }]);
    const made = network;
    nodes = await openMeshNodes({
      ...SHAPE,
      nodes: count,
      budgetBytes,
      modelPath: join(folder, 'model.gguf'),
      shardDirectory: join(folder, 'shards'),
      membership: foundMesh(),
      exactReplay: true,
      copies: { most: 3, queuedMs: 0, shareMs: 500, idleMs: 3000 },
      ...(made === undefined ? {} : { places: Array.from({ length: count }, (_, index) => made.place(index + 1)) }),
    });
  }

  /** How many nodes hold each of the rings that the nodes conduct, in the order of the nodes; none for one that conducts nothing. */
  const rings = async (): Promise<readonly (readonly number[])[]> =>
    (await Promise.all(nodes.map((node) => node.facts()))).map((facts) => facts.rings.map(({ stages }) => stages.length));
  const generated = async (): Promise<readonly number[]> =>
    (await Promise.all(nodes.map((node) => node.facts()))).map(({ generatedTokens }) => generatedTokens);

  /** Twice as many clients as there are slots on `of` rings ask `node` until each of these has answered; what they were told. */
  async function load(node: RemoteNode, of: number): Promise<ReadonlyMap<number, readonly (readonly number[])[]>> {
    let isShared = false;
    const told = new Map<number, (readonly number[])[]>();
    const clients = Array.from({ length: 2 * of * PARALLEL }, async (_, client) => {
      const answers: (readonly number[])[] = [];
      told.set(client, answers);
      while (!isShared) answers.push((await node.generate(promptOf(client), TOKENS)).tokens);
    });
    try {
      await expect
        .poll(async () => (await generated()).filter((count) => count > TOKENS).length, { timeout: 15_000, interval: 100 })
        .toBe(of);
    } finally {
      isShared = true;
      await Promise.all(clients);
    }
    return told;
  }

  describe('that fits a node', () => {
    beforeAll(() => open(3, 3 * whole), 30_000);
    afterAll(close);

    it('come up on the other nodes, answer as the first one does, and go when nobody asks any more', async () => {
      const [first] = nodes as [RemoteNode];
      const alone = await first.generate(promptOf(0), TOKENS);
      expect(await rings()).toEqual([[1], [], []]);
      const told = await load(first, 3);
      expect(await rings()).toEqual([[1], [1], [1]]);
      for (const answer of told.get(0) ?? []) expect(answer).toEqual(alone.tokens);
      for (const answers of told.values()) for (const answer of answers) expect(answer).toEqual(answers[0]);
      await expect.poll(rings, { timeout: 15_000 }).toEqual([[1], [], []]);
    });
  });

  describe('that fits no node', () => {
    beforeAll(() => open(4, Math.round((half + whole) / 2)), 30_000);
    afterAll(close);

    it('take as many other nodes as the first one took', async () => {
      const [first] = nodes as [RemoteNode];
      const alone = await first.generate(promptOf(0), TOKENS);
      const before = await rings();
      expect(before.flat()).toEqual([2]);
      const told = await load(first, 2);
      expect((await rings()).flat()).toEqual([2, 2]);
      const held = (await Promise.all(nodes.map((node) => node.facts()))).map(({ stages }) => stages.length);
      expect(held).toEqual([1, 1, 1, 1]);
      for (const answer of told.get(0) ?? []) expect(answer).toEqual(alone.tokens);
      await expect.poll(rings, { timeout: 15_000 }).toEqual(before);
    });
  });
});
