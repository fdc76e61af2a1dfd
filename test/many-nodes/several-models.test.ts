import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufModel } from '@pippa/gguf';
import { writeTinyArchitecture } from '@pippa/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openMeshNodes, type MeshRingOptions } from '../bench/harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { roomForLayers } from '../support/room-for-layers.ts';

const LAYERS = 8;
const SHAPE = { contextTokens: 512, parallelSequences: 2 };
const PROMPT = Array.from({ length: 40 }, (_, index) => 3 + ((index * 37) % 300));
const TOKENS = 12;
const MODELS = ['llama', 'qwen3', 'phi3'] as const;

describe('several models on the same nodes', () => {
  let folder: string;
  /** Bytes that half of any of the models takes on a node. */
  let half = 0;
  /** And all of it. */
  let whole = 0;
  let nodes: readonly RemoteNode[] = [];
  const alone = new Map<string, readonly number[]>();
  const path = (model: string): string => join(folder, `${model}.gguf`);
  const [first, second, third] = MODELS;

  async function open(count: number, options: Pick<MeshRingOptions, 'budgetBytes' | 'keepAliveMs'>): Promise<RemoteNode> {
    const shared = { ...SHAPE, ...options, modelPath: path(first), shardDirectory: join(folder, 'shards'), exactReplay: true };
    nodes = await openMeshNodes({ ...shared, nodes: count });
    for (const node of nodes) for (const model of MODELS) await node.ask({ kind: 'know', path: path(model) });
    return nodes[0] as RemoteNode;
  }
  const answer = async (model: string): Promise<readonly number[]> =>
    (await (nodes[0] as RemoteNode).generate(PROMPT, TOKENS, -1, path(model))).tokens;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pippa-several-'));
    for (const model of MODELS) {
      await writeTinyArchitecture(path(model), model, { layers: LAYERS });
      const shape = { contextCells: SHAPE.contextTokens * SHAPE.parallelSequences, parallelSequences: 2, maxRows: 256 };
      const header = await readGgufModel(path(model));
      half = Math.max(half, roomForLayers(header, LAYERS / 2, shape));
      whole = Math.max(whole, roomForLayers(header, LAYERS, shape));
    }
    await open(1, { budgetBytes: 10 * whole });
    for (const model of MODELS) alone.set(model, await answer(model));
    await stop();
  }, 60_000);
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    nodes = [];
  };
  afterEach(stop);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('are answered at once by stages that lie side by side', async () => {
    const conductor = await open(2, { budgetBytes: 3 * half });
    for (const model of [first, second]) {
      expect(await conductor.ask({ kind: 'up', stages: 2, path: path(model) })).toHaveLength(2);
    }
    for (const node of nodes) expect((await node.facts()).stages).toHaveLength(2);
    const answers = await Promise.all([first, second, first].map(answer));
    expect(answers).toEqual([first, second, first].map((model) => alone.get(model)));
  });

  it('make room for one that is asked for, the one that was used least lately first', async () => {
    const conductor = await open(1, { budgetBytes: Math.round(2.7 * whole) });
    const rings = async (): Promise<readonly string[]> => (await conductor.facts()).knownRings;
    expect(await answer(first)).toEqual(alone.get(first));
    expect(await answer(second)).toEqual(alone.get(second));
    const [, kept] = await rings();
    expect(await answer(third)).toEqual(alone.get(third));
    expect(await rings()).toEqual([kept, expect.any(String)]);
    expect(await answer(second)).toEqual(alone.get(second));
    expect(await answer(first)).toEqual(alone.get(first));
    expect(await rings()).toEqual([kept, expect.any(String)]);
  });

  it('go when nobody asked for them for as long as they are to be kept, but for those that were brought up to stay', async () => {
    const conductor = await open(1, { budgetBytes: 10 * whole, keepAliveMs: 500 });
    await conductor.ask({ kind: 'up', stages: 1, path: path(second) });
    const stays = (await conductor.facts()).knownRings;
    expect(await answer(first)).toEqual(alone.get(first));
    await expect.poll(async () => (await conductor.facts()).knownRings, { timeout: 15_000 }).toEqual(stays);
    await expect.poll(async () => (await conductor.facts()).stages, { timeout: 15_000 }).toHaveLength(1);
  });
});
