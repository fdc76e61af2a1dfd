import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyBert, writeTinyModel } from '@pippa/testing';
import koffi from 'koffi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatchBuffers } from '../src/batch-buffers.ts';
import { Embedder, openEmbedder, openEngine, type EmbedderOptions } from '../src/index.ts';
import { takeBatch } from '../src/embedding/plan-batch.ts';

let folder: string;
const path = (name: string): string => join(folder, `${name}.gguf`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-embed-'));
  await writeTinyBert(path('mean'));
  await writeTinyBert(path('cls'), { pooling: 'cls' });
  await writeTinyBert(path('silent'), { pooling: 'none' });
  await writeTinyBert(path('rank'), { pooling: 'rank' });
  await writeTinyModel(path('llama'), { layers: 2 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = (name: string, more: Partial<EmbedderOptions> = {}): EmbedderOptions => ({
  paths: [path(name)],
  contextTokens: 64,
  maxRows: 64,
  threads: 1,
  gpu: 'off',
  ...more,
});
const signal = new AbortController().signal;
const texts = ['the bees build', 'red apple', 'the house answers the question', 'honey'];

/** The engine asked directly: one text, its vectors token by token (no pooling), in a context of its own. */
function tokenVectors(name: string, tokens: Int32Array, width: number): Float32Array[] {
  const engine = openEngine();
  const model = engine.loadModel(path(name), { ...engine.modelDefaults(), n_gpu_layers: 0 }) as bigint;
  const params = { ...engine.contextDefaults(), n_ctx: 64, n_batch: 64, n_ubatch: 64, n_threads: 1, n_threads_batch: 1 };
  const context = engine.newContext(model, { ...params, embeddings: true, pooling_type: 0 }) as bigint;
  const buffers = new BatchBuffers(64, 0, 1);
  buffers.tokens.set(tokens);
  buffers.positions.set(tokens.map((_, index) => index));
  buffers.outputs.fill(1);
  expect(engine.decode(context, buffers.batch(tokens.length))).toBe(0);
  const vectors = Array.from(tokens, (_, index) => {
    const pointer = engine.embeddingsRow(context, index) as bigint;
    return new Float32Array(koffi.view(pointer, width * 4)).slice();
  });
  buffers[Symbol.dispose]();
  engine.freeContext(context);
  engine.freeModel(model);
  return vectors;
}

function lengthOne(vector: Float32Array | readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return Array.from(vector, (value) => value / length);
}
function expectClose(vector: Float32Array | undefined, expected: readonly number[], digits = 5): void {
  expect(vector).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(vector?.[index]).toBeCloseTo(value, digits);
}

/** The same direction: step shapes differ, and with them the last bits. */
function expectAlike(left: Float32Array | undefined, right: Float32Array | undefined): void {
  expect(cosine(left, right)).toBeGreaterThan(0.999);
}
const cosine = (left: Float32Array | undefined, right: Float32Array | undefined): number =>
  left?.reduce((sum, value, index) => sum + value * (right?.[index] ?? 0), 0) ?? Number.NaN;

describe('an embedder', () => {
  it.each<[name: string, more: Partial<EmbedderOptions>, pooled: (vectors: Float32Array[]) => number[]]>([
    [
      'mean',
      {},
      (vectors) => [...(vectors[0] ?? [])].map((_, column) => vectors.reduce((sum, row) => sum + (row[column] ?? 0), 0)),
    ],
    ['cls', {}, (vectors) => [...(vectors[0] ?? [])]],
    [
      'silent',
      {},
      (vectors) => [...(vectors[0] ?? [])].map((_, column) => vectors.reduce((sum, row) => sum + (row[column] ?? 0), 0)),
    ],
    ['llama', {}, (vectors) => [...(vectors.at(-1) ?? [])]],
    [
      'llama',
      { pooling: 'mean' },
      (vectors) => [...(vectors[0] ?? [])].map((_, column) => vectors.reduce((sum, row) => sum + (row[column] ?? 0), 0)),
    ],
  ])('pools %s %j as the engine asked directly, and gives length 1', (name, more, pooled) => {
    using embedder = new Embedder(options(name, more));
    const tokens = embedder.tokenize('the bees build honey');
    const [vector] = embedder.run([tokens]);
    expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5);
    expectClose(vector, lengthOne(pooled(tokenVectors(name, tokens, embedder.info.dimensions))), 4);
  });

  it.each(['mean', 'cls', 'llama'])('%s gives each text of a batch its own vector, in any order', (name) => {
    using embedder = new Embedder(options(name, name === 'llama' ? { contextTokens: 128, maxRows: 128 } : {}));
    const tokens = texts.map((text) => embedder.tokenize(text));
    const alone = tokens.map((each) => embedder.run([each])[0] as Float32Array);
    const together = embedder.run(tokens);
    const turned = embedder.run(tokens.toReversed()).toReversed();
    for (const [index, vector] of alone.entries()) {
      expectAlike(together[index], vector);
      expectAlike(turned[index], vector);
    }
    expect(embedder.run(tokens)).toEqual(together);
    expect(cosine(alone[0], alone[1])).toBeLessThan(0.99);
  });

  it('goes through a text longer than a batch in steps where the last token is what counts', () => {
    using steps = new Embedder(options('llama', { maxRows: 16 }));
    using whole = new Embedder(options('llama'));
    const tokens = whole.tokenize('a longer text that does not fit in');
    expect(tokens.length).toBeGreaterThan(16);
    expectAlike(steps.run([tokens])[0], whole.run([tokens])[0]);
    using mean = new Embedder(options('mean', { maxRows: 16 }));
    expect(mean.info.contextTokens).toBe(16);
  });

  it('refuses what the engine would end the process for', () => {
    using embedder = new Embedder(options('mean'));
    const long = new Int32Array(65).fill(5);
    for (const batch of [[], [new Int32Array(0)], [long], [long.subarray(0, 40), long.subarray(0, 40)]]) {
      expect(() => embedder.run(batch)).toThrow(expect.objectContaining({ name: 'DecodeError' }));
    }
    expect(embedder.run([Int32Array.of(2, 5, 3)])).toHaveLength(1);
  });

  it('puts a query and a document together as llama.cpp does for a reranker', () => {
    using embedder = new Embedder(options('rank'));
    const [query, document] = ['red apple', 'bees'].map((text) => [...embedder.tokenize(text)].slice(1, -1));
    expect([...embedder.tokenizePair('red apple', 'bees')]).toEqual([2, ...(query ?? []), 3, ...(document ?? [])]);
    expect(embedder.run([embedder.tokenizePair('red apple', 'bees')])[0]).toHaveLength(1);
  });
});

describe('an embedder in a thread', () => {
  it('embeds texts and tokens of many requests at once, each in its order', async () => {
    await using embedder = await openEmbedder(options('mean'));
    expect(embedder).toMatchObject({ dimensions: 64, contextTokens: 64, pooling: 'mean' });
    using direct = new Embedder(options('mean'));
    const results = await Promise.all(texts.map((text, index) => embedder.embed([text, texts[(index + 1) % 4] ?? ''], { signal })));
    for (const [index, { vectors, promptTokens }] of results.entries()) {
      const own = direct.tokenize(texts[index] ?? '');
      expectAlike(vectors[0], direct.run([own])[0]);
      expect(promptTokens).toBe(own.length + direct.tokenize(texts[(index + 1) % 4] ?? '').length);
    }
    const tokens = [...direct.tokenize(texts[0] ?? '')];
    const given = await embedder.embed([tokens], { signal });
    const said = await embedder.embed([texts[0] ?? ''], { signal });
    expect(given.vectors).toEqual(said.vectors);
  });

  it('ranks documents, each by its own score', async () => {
    await using embedder = await openEmbedder(options('rank'));
    const { scores, promptTokens } = await embedder.rank('red apple', texts, { signal });
    expect(scores).toHaveLength(4);
    expect(promptTokens).toBeGreaterThan(16);
    const turned = await embedder.rank('red apple', texts.toReversed(), { signal });
    for (const [index, score] of turned.scores.toReversed().entries()) expect(score).toBeCloseTo(scores[index] ?? 0, 2);
    await expect(embedder.embed(['x'], { signal })).rejects.toMatchObject({ name: 'InvalidInputError', path: 'model' });
  });

  it('says what is wrong with a text, and cuts it when asked to', async () => {
    await using embedder = await openEmbedder(options('mean'));
    const long = 'honey '.repeat(100);
    await expect(embedder.embed([long], { signal })).rejects.toMatchObject({ name: 'PromptTooLongError', contextTokens: 64 });
    expect((await embedder.embed([long], { signal, truncate: true })).promptTokens).toBe(64);
    await expect(embedder.embed([[1, 999]], { signal })).rejects.toMatchObject({ path: 'input[0]' });
    await expect(embedder.embed([[]], { signal })).rejects.toMatchObject({ name: 'InvalidInputError' });
    await expect(embedder.rank('a', ['b'], { signal })).rejects.toMatchObject({ name: 'InvalidInputError' });
  });

  it('drops the texts of a request that is given up, and goes on with the others', async () => {
    await using embedder = await openEmbedder(options('mean'));
    const controller = new AbortController();
    const givenUp = embedder.embed(new Array<string>(2000).fill('bees'), { signal: controller.signal });
    const other = embedder.embed(['bees'], { signal });
    controller.abort(new Error('gone'));
    await expect(givenUp).rejects.toThrow('gone');
    expect((await other).vectors).toHaveLength(1);
  });

  it('tells whoever waits when it is taken down', async () => {
    const embedder = await openEmbedder(options('mean'));
    const waiting = embedder.embed(new Array<string>(500).fill('bees'), { signal }).catch((error: unknown) => error);
    await embedder[Symbol.asyncDispose]();
    expect(await waiting).toMatchObject({ name: 'StoppedError' });
    await embedder[Symbol.asyncDispose]();
    await expect(embedder.embed(['x'], { signal })).rejects.toMatchObject({ name: 'StoppedError' });
  });
});

describe('batches', () => {
  const requestOf = (...lengths: number[]) => ({
    texts: lengths.map((length, index) => ({ tokens: new Int32Array(length), index })),
  });
  const limits = { maxRows: 10, maxTexts: 4 };

  it('take one text of each request in turn', () => {
    const [long, short] = [requestOf(2, 2, 2, 2), requestOf(2)];
    const batch = takeBatch([long, short], limits);
    expect(batch.map(({ request, text }) => [request === long, text.index])).toEqual([
      [true, 0],
      [false, 0],
      [true, 1],
      [true, 2],
    ]);
    expect(long.texts).toHaveLength(1);
  });

  it('hold no more tokens than the engine takes, but a text that is longer alone', () => {
    expect(takeBatch([requestOf(6, 6)], limits)).toHaveLength(1);
    const request = requestOf(25, 1);
    expect(takeBatch([request], limits)).toHaveLength(1);
    expect(takeBatch([request], limits)).toHaveLength(1);
    expect(takeBatch([request], limits)).toEqual([]);
  });
});
