import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectureRule, readGgufModel, splittableArchitectures } from '@pippa/gguf';
import { foundMesh } from '@pippa/mesh';
import { tinyArchitectures, writeTinyArchitecture } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMeshNodes } from '../bench/harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { TestNetwork, whyNoNetworks } from './support/network.ts';

/** Rings of so many nodes; one node more is there that holds nothing. */
const RINGS = [2, 3, 5];
const NODES = Math.max(...RINGS) + 1;
/** Two whole periods of the longest window pattern (6) and a rest. */
const LAYERS = 14;
/** More than a step of a prompt takes. */
const PROMPT = Array.from({ length: 80 }, (_, index) => 3 + ((index * 37) % 300));
const TOKENS = 12;

const reason = await whyNoNetworks();

describe(`rings of processes ${reason === undefined ? 'on machines of their own' : 'on one machine'}`, () => {
  let folder: string;
  let network: TestNetwork | undefined;
  let nodes: readonly RemoteNode[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pippa-rings-'));
    await Promise.all(tinyArchitectures.map((name) => writeTinyArchitecture(path(name), name, { layers: LAYERS })));
    if (reason === undefined) network = await TestNetwork.create(NODES, [{ interface: 'eth0', ipv4: '10.77.0' }]);
    const made = network;
    nodes = await openMeshNodes({
      nodes: NODES,
      modelPath: path(tinyArchitectures[0] as string),
      shardDirectory: join(folder, 'shards'),
      membership: foundMesh(),
      contextTokens: 128,
      parallelSequences: 1,
      budgetBytes: 1 << 30,
      exactReplay: true,
      ...(made === undefined ? {} : { places: Array.from({ length: NODES }, (_, index) => made.place(index + 1)) }),
    });
  }, 60_000);
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await network?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const path = (architecture: string): string => join(folder, `${architecture}.gguf`);

  it.each(splittableArchitectures)('of %s give the bits of one node alone, asked anywhere', async (architecture) => {
    const file = path(architecture);
    const cuts = architectureRule(await readGgufModel(file)).cuts(await readGgufModel(file)).length;
    await Promise.all(nodes.map((node) => node.ask({ kind: 'know', path: file })));
    const conductor = nodes[0] as RemoteNode;
    const guest = nodes[NODES - 1] as RemoteNode;
    const answer = async (node: RemoteNode): Promise<unknown> => {
      const { tokens, logprobs } = await node.generate(PROMPT, TOKENS, 0, file);
      return { tokens, logprobs };
    };
    await conductor.ask({ kind: 'up', stages: 1, path: file });
    const alone = await answer(conductor);
    expect(alone).toMatchObject({ tokens: { length: TOKENS }, logprobs: { length: TOKENS } });
    for (const stages of RINGS.filter((count) => count <= cuts + 1)) {
      await conductor.ask({ kind: 'down' });
      const only = nodes.slice(0, stages).map((node) => node.peer);
      expect(await conductor.ask({ kind: 'up', stages, path: file, only })).toHaveLength(stages);
      // Else it would have a ring of its own brought up.
      await expect
        .poll(async () => (await guest.facts()).knownRings, { timeout: 10_000 })
        .toEqual((await conductor.facts()).knownRings);
      expect((await guest.facts()).stages).toEqual([]);
      expect([stages, await answer(conductor)]).toEqual([stages, alone]);
      expect([stages, await answer(guest)]).toEqual([stages, alone]);
    }
    await conductor.ask({ kind: 'down' });
  });
});
