import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGgufModel } from '@pippa/gguf';
import { foundMesh } from '@pippa/mesh';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMeshNodes } from '../bench/harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { roomForLayers } from '../support/room-for-layers.ts';
import { TestNetwork, whyNoNetworks } from './support/network.ts';

const DEMO_MODEL = fileURLToPath(new URL('../../agent/models/pippa-tiny.gguf', import.meta.url));
const NODES = 4;
/** Of eight. */
const ROOM_LAYERS = 5;
const SHAPE = { contextTokens: 2048, parallelSequences: 2 };
const PROMPT = Array.from({ length: 40 }, (_, index) => 10 + ((index * 37) % 400));
const TOKENS = 24;

const reason = await whyNoNetworks();

/** The model needs two nodes, so that either half of four can hold it. */
describe.skipIf(reason !== undefined)('a mesh that falls into halves', () => {
  let folder: string;
  let network: TestNetwork;
  let nodes: readonly RemoteNode[] = [];
  let undisturbed: readonly number[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pippa-halves-'));
    network = await TestNetwork.create(NODES, [{ interface: 'eth0', ipv4: '10.77.0' }]);
    const model = await readGgufModel(DEMO_MODEL);
    const cells = SHAPE.contextTokens * SHAPE.parallelSequences;
    const shape = { contextCells: cells, parallelSequences: SHAPE.parallelSequences, maxRows: 256 };
    nodes = await openMeshNodes({
      ...SHAPE,
      nodes: NODES,
      modelPath: DEMO_MODEL,
      shardDirectory: join(folder, 'shards'),
      membership: foundMesh(),
      budgetBytes: roomForLayers(model, ROOM_LAYERS, shape),
      exactReplay: true,
      places: Array.from({ length: NODES }, (_, index) => network.place(index + 1)),
    });
    const only = nodes.slice(0, 2).map((node) => node.peer);
    await node(1).ask({ kind: 'up', stages: 2, only });
    undisturbed = (await node(1).generate(PROMPT, TOKENS)).tokens;
  }, 60_000);
  afterAll(async () => {
    await Promise.all(nodes.map((each) => each[Symbol.asyncDispose]()));
    await network[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const node = (number: number): RemoteNode => nodes[number - 1] as RemoteNode;
  const known = async (number: number): Promise<readonly string[]> => (await node(number).facts()).knownRings;

  it('answers in both', async () => {
    await network.partition([3, 4]);
    const [near, far] = await Promise.all([node(1).generate(PROMPT, TOKENS), node(4).generate(PROMPT, TOKENS)]);
    expect(near.tokens).toEqual(undisturbed);
    expect(far.tokens).toEqual(undisturbed);
    expect(await known(1)).not.toEqual(await known(4));
  });

  it('is one again when they meet, without a token lost in either', async () => {
    const answers = nodes.map((each) => each.generate(PROMPT, 500));
    await network.partition([]);
    const [first, ...others] = await Promise.all(answers);
    expect(first?.tokens).toHaveLength(500);
    for (const other of others) expect(other.tokens).toEqual(first?.tokens);
    await expect
      .poll(async () => Promise.all([1, 2, 3, 4].map(known)), { timeout: 30_000 })
      .toEqual(nodes.map(() => [expect.any(String)]));
    expect((await node(3).generate(PROMPT, TOKENS)).tokens).toEqual(undisturbed);
  }, 60_000);
});
