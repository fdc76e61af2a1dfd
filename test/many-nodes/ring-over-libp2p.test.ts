import { fileURLToPath } from 'node:url';
import type { ChatRequest, ServedModel } from '@pippa/core';
import { readGgufModel } from '@pippa/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../../agent/src/open-model.ts';
import { silentLogger } from '@pippa/core';
import { roomForLayers } from '../support/room-for-layers.ts';
import { MeshHouse } from './support/mesh-house.ts';

const DEMO_MODEL = fileURLToPath(new URL('../../agent/models/pippa-tiny.gguf', import.meta.url));

const question: ChatRequest = {
  messages: [{ role: 'user', content: 'What is pippa-agent?' }],
  tools: [],
  toolChoice: 'none',
  responseFormat: { kind: 'text' },
  sampler: { temperature: 0 },
  stop: [],
  lane: 'interactive',
};

async function ask(model: ServedModel, request: ChatRequest = question): Promise<string> {
  let text = '';
  for await (const event of model.chat(request, { signal: new AbortController().signal }))
    if (event.kind === 'text') text += event.text;
  return text;
}

describe('a ring over libp2p', () => {
  let house: MeshHouse;
  let solo: string;
  let budget: number;

  beforeAll(async () => {
    const opened = await openModel(DEMO_MODEL, {
      contextTokens: 512,
      parallelSequences: 2,
      threads: 1,
      stages: 1,
      budgetBytes: 1 << 30,
      shardDirectory: '',
      logger: silentLogger,
    });
    solo = await ask(opened.served);
    await opened.stop();
    house = await MeshHouse.open(DEMO_MODEL);
    const model = await readGgufModel(DEMO_MODEL);
    budget = roomForLayers(model, 3, { contextCells: 1024, parallelSequences: 2, maxRows: 256 });
    for (const name of ['a', 'b', 'c', 'd']) await house.add(name, budget);
  });
  afterAll(() => house[Symbol.asyncDispose]());

  it('answers at every node with the text of one machine alone', async () => {
    await expect
      .poll(() => house.nodes.map((node) => node.mesh.peers().filter((peer) => peer.card !== undefined).length), {
        timeout: 15_000,
      })
      .toEqual([3, 3, 3, 3]);
    for (const node of house.nodes) expect(await ask(house.serve(node))).toBe(solo);
    const ring = house.nodes.flatMap((node) => node.manager.rings)[0];
    expect(ring?.stages.length).toBeGreaterThan(1);
  });

  it('is not brought up over a node that leaves', async () => {
    const leaving = await house.add('leaving', budget);
    const [node] = house.nodes;
    const freeBytes = () => node?.mesh.peer(leaving.mesh.self)?.card?.memory.freeBytes;
    await expect.poll(freeBytes, { timeout: 15_000 }).toBeGreaterThan(0);
    await leaving.leave();
    await expect.poll(freeBytes).toBe(0);
  });
});
