import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddingKind, readGgufModel } from '@pippa/gguf';
import { writeTinyBert, writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planEmbedder } from '../src/engine/plan-embedder.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-plan-'));
  await writeTinyBert(join(folder, 'bert.gguf'), { contextLength: 512 });
  await writeTinyModel(join(folder, 'llama.gguf'), { layers: 1, contextLength: 8192 });
  await writeTinyModel(join(folder, 'words.gguf'), { layers: 1, vocabularySize: 160_000, contextLength: 8192 });
});
afterAll(() => rm(folder, { recursive: true }));

const plan = async (name: string, contextTokens?: number) => {
  const model = await readGgufModel(join(folder, `${name}.gguf`));
  const fileBytes = model.files.reduce((sum, file) => sum + file.byteLength, 0);
  return { kind: embeddingKind(model), fileBytes, ...planEmbedder(model, { contextTokens, threads: 1 }) };
};

describe('how a model is loaded to make vectors', () => {
  it('lets an encoder see a text whole, as far as it was trained', async () => {
    const { kind, options } = await plan('bert', 4096);
    expect(kind).toBe('encoder');
    expect(options).toMatchObject({ contextTokens: 512, maxRows: 512 });
    expect(options.pooling).toBeUndefined();
    expect((await plan('bert', 128)).options).toMatchObject({ contextTokens: 128, maxRows: 128 });
  });

  it('goes through a text in steps with a model that writes, and takes its last token', async () => {
    const { kind, options } = await plan('llama');
    expect(kind).toBeUndefined();
    expect(options).toMatchObject({ contextTokens: 2048, maxRows: 512, pooling: 'last' });
  });

  it('takes no memory for logits of every token where only the last one counts', async () => {
    const { options, memoryBytes, fileBytes } = await plan('words');
    expect(options.maxRows).toBe(512);
    expect(memoryBytes - fileBytes).toBeLessThan(512 * 160_000 * 4);
  });
});
