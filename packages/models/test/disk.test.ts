import { readdir, stat } from 'node:fs/promises';
import { GIB, MIB, modelId, peerId, type ModelId } from '@pippa/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planEviction, type EvictionCandidate } from '../src/store/plan-eviction.ts';
import { Disk } from './support/disk.ts';
import { House, type Node } from './support/house.ts';

describe('what goes when room is short', () => {
  const candidate = fc.record({
    id: fc.uuid().map(modelId),
    name: fc.string(),
    bytes: fc.integer({ min: 1, max: 1000 }),
    usedMs: fc.nat(1000),
    isNeeded: fc.boolean(),
    isElsewhere: fc.boolean(),
  });

  it('is what was used longest ago, no more than must go, never what is needed, never a last copy', () => {
    fc.assert(
      fc.property(fc.uniqueArray(candidate, { selector: (item) => item.id, maxLength: 12 }), fc.nat(3000), (candidates, wanted) => {
        const { evict, shortBytes } = planEviction(candidates, wanted);
        const find = (id: ModelId): EvictionCandidate | undefined => candidates.find((item) => item.id === id);
        const freed = evict.reduce((sum, id) => sum + (find(id)?.bytes ?? 0), 0);
        for (const id of evict) expect(find(id)).toMatchObject({ isNeeded: false, isElsewhere: true });
        expect(shortBytes).toBe(Math.max(0, wanted - freed));
        // Without the last one it would not have been enough.
        const last = find(evict.at(-1) ?? modelId(''));
        if (last !== undefined) expect(freed - last.bytes).toBeLessThan(wanted);
        const free = candidates.filter((item) => !item.isNeeded && item.isElsewhere);
        const newest = Math.max(...evict.map((id) => find(id)?.usedMs ?? 0));
        for (const item of free) if (item.usedMs < newest) expect(evict).toContain(item.id);
        if (shortBytes > 0) expect(evict).toHaveLength(free.length);
      }),
    );
  });
});

const SHAPE = { layers: 12, embeddingLength: 128, feedForwardLength: 768 };

describe('the disk of a node', () => {
  let disk: Disk;
  let house: House;
  beforeEach(async () => {
    disk = await Disk.create();
    house = new House(disk);
  });
  afterEach(async () => {
    await house.stop();
    await disk[Symbol.asyncDispose]();
  });

  /** A node with three models, whole. */
  async function studio(name = 'studio'): Promise<{ node: Node; ids: readonly ModelId[] }> {
    for (const seed of [1, 2, 3]) await disk.model(`${name}/models/model-${seed}.gguf`, seed, SHAPE);
    const node = await house.node(name);
    const models = node.store.list().toSorted((a, b) => a.name.localeCompare(b.name));
    for (const model of models) await node.store.prepare(model.id);
    return { node, ids: models.map((model) => model.id) };
  }

  const idsOf = (ids: readonly ModelId[]): readonly [ModelId, ModelId, ModelId] => [
    ids[0] ?? modelId(''),
    ids[1] ?? modelId(''),
    ids[2] ?? modelId(''),
  ];

  it('lets go of the pieces used longest ago when the quota is reached', async () => {
    const [one, two, three] = idsOf((await studio()).ids);
    let nowMs = 1_000_000;
    // Half a model is about 2.3 MB.
    const mini = await house.node('mini', {
      quotaBytes: 6 * MIB,
      clock: {
        nowMs: () => performance.now(),
        wallMs: () => (nowMs += 1000),
        schedule: (ms, callback) => {
          const timer = setTimeout(callback, ms);
          return () => clearTimeout(timer);
        },
      },
    });
    await mini.store.ensureShard({ id: one, from: 0, to: 6 });
    await mini.store.ensureShard({ id: two, from: 0, to: 6 });
    await mini.store.ensureShard({ id: one, from: 0, to: 5 });
    await mini.store.ensureShard({ id: three, from: 0, to: 6 });
    expect(
      mini.store
        .list()
        .map((model) => model.id)
        .toSorted(),
    ).toEqual([one, three].toSorted());
    expect((await readdir(disk.path('mini/pieces'))).toSorted()).toEqual([one, three].toSorted());
  });

  it('keeps the last copy, and what a ring needs, and says so', async () => {
    const { ids } = await studio();
    const [one, two, three] = idsOf(ids);
    const mini = await house.node('mini', { quotaBytes: 6 * MIB });
    await mini.store.ensureShard({ id: one, from: 0, to: 6 });
    await mini.store.ensureShard({ id: two, from: 0, to: 6 });
    const mesh = house.network.find(peerId('mini'));
    mesh?.updateCard({ stages: [{ ring: 'ring' as never, model: one, from: 0, to: 6, memoryBytes: 1 }] });
    // Only the third model is left elsewhere.
    const other = await house.node('other');
    await other.store.ensureShard({ id: three, from: 0, to: 12 });
    house.network.kill(peerId('studio'));
    await expect(mini.store.ensureShard({ id: three, from: 0, to: 6 })).rejects.toMatchObject({
      name: 'NotEnoughDiskError',
      message: expect.stringMatching(/model-1 \([\d.]+ MB, needed\), model-2 \([\d.]+ MB, last copy\)/),
      hint: expect.stringContaining('--disk-quota'),
    });
    expect(mini.store.list().map((model) => model.id)).toEqual(expect.arrayContaining([one, two]));
  });

  it('lets only one of two nodes with the same part go', async () => {
    const { ids } = await studio();
    const [one, two] = idsOf(ids);
    const nodes = await Promise.all(['a', 'b'].map((name) => house.node(name, { quotaBytes: 4 * MIB })));
    for (const node of nodes) await node.store.ensureShard({ id: one, from: 0, to: 6 });
    const server = await house.node('server');
    await server.store.ensureShard({ id: two, from: 0, to: 12 });
    house.network.kill(peerId('studio'));
    const outcomes = await Promise.allSettled(nodes.map((node) => node.store.ensureShard({ id: two, from: 0, to: 6 })));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled']);
    expect(nodes[0]?.store.list().map((model) => model.id)).toContain(one);
  });

  it('never touches whole models, its own neither', async () => {
    const { ids } = await studio();
    const [one, two] = idsOf(ids);
    const mini = await house.node('mini', { quotaBytes: 5 * MIB });
    await mini.store.ensureShard({ id: one, from: 0, to: 12 });
    await expect(mini.store.ensureShard({ id: two, from: 0, to: 12 })).resolves.toBeDefined();
    await stat(disk.path('mini/models/model-1.gguf'));
    await stat(disk.path('studio/models/model-1.gguf'));
  });

  it('asks the disk too', async () => {
    const { ids } = await studio();
    const [one] = idsOf(ids);
    const mini = await house.node('mini', { freeBytes: async () => 200 * MIB });
    await expect(mini.store.ensureShard({ id: one, from: 0, to: 6 })).rejects.toMatchObject({ name: 'NotEnoughDiskError' });
    const roomy = await house.node('roomy', { freeBytes: async () => GIB });
    await roomy.store.ensureShard({ id: one, from: 0, to: 6 });
  });
});
