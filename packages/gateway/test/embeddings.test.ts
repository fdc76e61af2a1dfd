import { describe, expect, it } from 'vitest';
import { embeddingList, rerankResponse } from '../src/embedding/schemas.ts';
import { shorten } from '../src/embedding/encode-vector.ts';
import { embeddingModel, FakeEmbedder } from './support/fake-embedder.ts';
import { startGateway } from './support/test-gateway.ts';

const PATH = '/v1/embeddings';

/** A gateway with a model that writes, and `vectors` that makes them. */
async function start(embedder = new FakeEmbedder()) {
  return { embedder, ...(await startGateway({ others: [embeddingModel('vectors', embedder)] })) };
}

describe('/v1/embeddings', () => {
  it.each<[what: string, input: unknown, asked: unknown[]]>([
    ['a text', 'one two', ['one two']],
    ['texts', ['one two', 'three'], ['one two', 'three']],
    ['the tokens of one text', [1, 2, 3], [[1, 2, 3]]],
    ['the tokens of several', [[1, 2], [3]], [[1, 2], [3]]],
    ['both', ['one', [2, 3]], ['one', [2, 3]]],
  ])('takes %s', async (_what, input, asked) => {
    const { post, embedder } = await start();
    const response = await post(PATH, { model: 'vectors', input });
    expect(response.status).toBe(200);
    const list = embeddingList.strict().parse(await response.json());
    expect(embedder.asked).toEqual([asked]);
    expect(list.data.map(({ index }) => index)).toEqual(asked.map((_, index) => index));
    expect(list.model).toBe('vectors');
  });

  it('sends floats, base64 or the first dimensions scaled to length 1', async () => {
    const { post } = await start();
    const ask = async (more: object) => {
      const response = await post(PATH, { model: 'vectors', input: ['one two', 'three'], ...more });
      return embeddingList.parse(await response.json());
    };
    const { data, usage } = await ask({});
    expect(usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    expect(data[0]?.embedding).toEqual([Math.fround(0.6), 0, Math.fround(0.8), 0]);
    const base64 = (await ask({ encoding_format: 'base64' })).data[1]?.embedding;
    const bytes = Buffer.from(String(base64), 'base64');
    expect(new Float32Array(bytes.buffer, bytes.byteOffset, 4)).toEqual(Float32Array.of(0.6, 0, -0.8, 0));
    expect((await ask({ dimensions: 2 })).data[0]?.embedding).toEqual([1, 0]);
  });

  it.each<[what: string, body: object, param: string, status: number]>([
    ['no input', { model: 'vectors' }, 'input', 400],
    ['an empty array', { model: 'vectors', input: [] }, 'input', 400],
    ['too many texts', { model: 'vectors', input: new Array(2049).fill('x') }, 'input', 400],
    ['a wrong text', { model: 'vectors', input: ['x', 5] }, 'input[1]', 400],
    ['too many dimensions', { model: 'vectors', input: 'x', dimensions: 5 }, 'dimensions', 400],
    ['a wrong format', { model: 'vectors', input: 'x', encoding_format: 'hex' }, 'encoding_format', 400],
    ['a text that is too long', { model: 'vectors', input: 'a b c d e f g h i' }, 'input', 400],
    ['a model that makes none', { model: 'tiny', input: 'x' }, 'model', 400],
    ['an unknown model', { model: 'none', input: 'x' }, 'model', 404],
  ])('refuses %s', async (_what, body, param, status) => {
    const { post } = await start();
    const response = await post(PATH, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', param } });
  });

  it('gives up when the client leaves, and counts what was done', async () => {
    const { post, url, embedder, idle, gateway } = await start();
    await (await post(PATH, { model: 'vectors', input: ['a b', 'c'] })).text();
    const asked = Promise.withResolvers<AbortSignal>();
    embedder.wait = (signal) => {
      asked.resolve(signal);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const controller = new AbortController();
    const gone = post(PATH, { model: 'vectors', input: 'x' }, { signal: controller.signal }).catch(() => undefined);
    const signal = await asked.promise;
    controller.abort();
    await gone;
    await idle();
    expect(signal.aborted).toBe(true);
    expect(gateway.counters().activeGenerations).toBe(0);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('pippa_embedded_texts_total{model="vectors"} 2');
    expect(metrics).toContain('pippa_embedded_tokens_total{model="vectors"} 3');
  });
});

describe('/v1/rerank', () => {
  const documents = ['red house', 'green apple', 'red apple'];
  const ranks = () => start(new FakeEmbedder('rank'));

  it('puts the best first, in the shape of Jina and llama.cpp', async () => {
    const { post } = await ranks();
    for (const path of ['/v1/rerank', '/rerank']) {
      const response = await post(path, { model: 'vectors', query: 'red apple', documents });
      const { results, usage } = rerankResponse.strict().parse(await response.json());
      expect(results).toEqual([
        { index: 2, relevance_score: 1.5 },
        { index: 0, relevance_score: 0.5 },
        { index: 1, relevance_score: 0.5 },
      ]);
      expect(usage).toEqual({ prompt_tokens: 10, total_tokens: 10 });
    }
  });

  it('sends the best few, with their texts when asked', async () => {
    const { post } = await ranks();
    const body = {
      model: 'vectors',
      query: 'red apple',
      documents: documents.map((text) => ({ text })),
      top_n: 1,
      return_documents: true,
    };
    const { results } = rerankResponse.parse(await (await post('/v1/rerank', body)).json());
    expect(results).toEqual([{ index: 2, relevance_score: 1.5, document: { text: 'red apple' } }]);
  });

  it('answers texts in the shape of text-embeddings-inference', async () => {
    const { post } = await ranks();
    const response = await post('/rerank', { model: 'vectors', query: 'red', texts: ['green', 'red'], return_text: true });
    expect(await response.json()).toEqual([
      { index: 1, score: 0.5, text: 'red' },
      { index: 0, score: -0.5, text: 'green' },
    ]);
  });

  it.each<[what: string, body: object, param: string]>([
    ['no query', { documents: ['x'] }, 'query'],
    ['no documents', { query: 'x' }, 'documents'],
    ['a wrong document', { query: 'x', documents: [5] }, 'documents[0]'],
  ])('refuses %s', async (_what, body, param) => {
    const { post } = await ranks();
    const response = await post('/v1/rerank', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param } });
  });
});

describe('a shortened vector', () => {
  it('has length 1, and stays as it is when it is short enough or nothing', () => {
    expect(Math.hypot(...shorten(Float32Array.of(3, 4, 12), 2))).toBeCloseTo(1, 6);
    expect(shorten(Float32Array.of(1, 0), 2)).toEqual(Float32Array.of(1, 0));
    expect(shorten(Float32Array.of(0, 0, 1), 2)).toEqual(Float32Array.of(0, 0));
  });
});
