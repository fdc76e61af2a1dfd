import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '@pippa/core';
import { readGgufModel, type GgufModel } from '@pippa/gguf';
import { writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fitMemory, totalBytes, type MemoryWish } from '../src/engine/fit-memory.ts';
import { planStages, type StageWish } from '../src/engine/plan-stages.ts';
import { usefulThreads } from '../src/engine/useful-threads.ts';

let directory: string;
let model: GgufModel;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-memory-'));
  const path = join(directory, 'tiny.gguf');
  await writeTinyModel(path, { contextLength: 65_536 });
  model = await readGgufModel(path);
});
afterAll(() => rm(directory, { recursive: true }));

const wish = (changes: Partial<MemoryWish>): MemoryWish => ({
  name: 'tiny',
  contextTokens: undefined,
  trainedContextTokens: 65_536,
  parallelSequences: 4,
  boundaries: [0, 8],
  maxRows: 512,
  budgetBytes: 1024 * MIB,
  ...changes,
});

/** What the model takes with this context. */
function bytesWith(contextTokens: number): number {
  return totalBytes(fitMemory(model, wish({ contextTokens })).stages);
}

describe('the context that a model gets', () => {
  it('is 8192 tokens unless the model was trained for less', () => {
    expect(fitMemory(model, wish({})).contextTokens).toBe(8192);
    expect(fitMemory(model, wish({ trainedContextTokens: 2048 })).contextTokens).toBe(2048);
  });

  it('is what was asked for, up to what the model was trained for', () => {
    expect(fitMemory(model, wish({ contextTokens: 20_000 })).contextTokens).toBe(20_000);
    expect(fitMemory(model, wish({ contextTokens: 100_000 })).contextTokens).toBe(65_536);
  });

  it('shrinks to fit when nobody asked for one, and then fits', () => {
    const budgetBytes = bytesWith(3000);
    const { contextTokens, stages } = fitMemory(model, wish({ budgetBytes }));
    expect(contextTokens).toBe(2048);
    expect(totalBytes(stages)).toBeLessThanOrEqual(budgetBytes);
  });

  it('does not shrink when it was asked for: the refusal names the context that would fit', () => {
    const budgetBytes = bytesWith(3000);
    const refused = (contextTokens: number) => () => fitMemory(model, wish({ budgetBytes, contextTokens }));
    expect(refused(4096)).toThrow(/tiny needs [\d.]+ MB of memory .* this machine has [\d.]+ MB/);
    let hint = '';
    try {
      refused(4096)();
    } catch (error) {
      hint = (error as { hint: string }).hint;
    }
    const suggested = Number(/--context (\d+)/.exec(hint)?.[1]);
    expect(suggested).toBeGreaterThan(2900);
    expect(fitMemory(model, wish({ budgetBytes, contextTokens: suggested })).contextTokens).toBe(suggested);
  });

  it('is refused with another model as the way out when the weights alone are too much', () => {
    expect(() => fitMemory(model, wish({ budgetBytes: 1000 }))).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('smaller model') }),
    );
  });
});

describe('planning local stages', () => {
  const stageWish = (stages: number): StageWish => ({
    name: 'tiny',
    stages,
    contextTokens: 1024,
    parallelSequences: 2,
    budgetBytes: 1024 * MIB,
  });

  it('lays the layers out without a gap', () => {
    for (const count of [1, 2, 3, 8]) {
      const { stages } = planStages(model, stageWish(count));
      expect(stages).toHaveLength(count);
      expect(stages[0]?.from).toBe(0);
      expect(stages.at(-1)?.to).toBe(8);
      expect(stages.slice(1).map((stage) => stage.from)).toEqual(stages.slice(0, -1).map((stage) => stage.to));
    }
  });

  it('says how many stages are possible', () => {
    expect(() => planStages(model, stageWish(9))).toThrow(/at most 8 stages/);
  });
});

describe('threads for a model', () => {
  it.each([
    [2 * MIB, 8, 1],
    [64 * MIB, 8, 4],
    [4096 * MIB, 8, 8],
  ])('of %d bytes on %d cores are %d', (bytes, cores, threads) => {
    expect(usefulThreads(bytes, cores)).toBe(threads);
  });
});
