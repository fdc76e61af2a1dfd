import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelId } from '@pippa/core';
import { manifestOf, memoryEstimate, readGgufModel, type GgufModel } from '@pippa/gguf';
import { ModelCosts } from '@pippa/planner';
import { tinyArchitectures, writeTinyArchitecture, writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-planned-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The planner knows a manifest alone, the stage its file's header: what one promises, the other must ask for. */
function expectSameMemory(model: GgufModel): void {
  const manifest = manifestOf(model, { name: 'tiny', id: modelId('0'.repeat(64)) });
  const wish = { contextTokens: 777, parallelSequences: 3, maxRows: 100 };
  const costs = new ModelCosts(manifest, wish);
  for (const from of costs.boundaries.slice(0, -1)) {
    for (const to of costs.boundaries.filter((boundary) => boundary > from)) {
      const { parallelSequences, maxRows } = wish;
      const expected = memoryEstimate(model, { from, to, contextCells: 777 * 3, parallelSequences, maxRows });
      const { weights, context, compute } = costs.memory(from, to);
      expect({ weights, context, compute }, `layers ${from} to ${to}`).toEqual(expected);
    }
  }
}

test('the planner counts the memory of every stage as the stage itself does, with a head of its own', async () => {
  const path = join(directory, 'tiny.gguf');
  await writeTinyModel(path);
  expectSameMemory(await readGgufModel(path));
});

test.each(tinyArchitectures)('and so for %s', async (architecture) => {
  const path = join(directory, `${architecture}.gguf`);
  await writeTinyArchitecture(path, architecture);
  expectSameMemory(await readGgufModel(path));
});
