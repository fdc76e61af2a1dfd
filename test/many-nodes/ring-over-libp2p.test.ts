import { fileURLToPath } from 'node:url';
import type { ChatRequest, ServedModel } from '@pippa/core';
import { memoryEstimate, readGgufModel } from '@pippa/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../../agent/src/open-model.ts';
import { silentLogger } from '@pippa/core';
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
    const whole = memoryEstimate(model, { from: 0, to: 8, contextCells: 1024, parallelSequences: 2, maxRows: 256 });
    // No node may hold more than about a third of it.
    const budget = Math.round((whole.weights + whole.context + whole.compute) * 0.6);
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
});
