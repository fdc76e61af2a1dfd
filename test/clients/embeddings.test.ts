import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyBert } from '@pippa/testing';
import { Ollama } from 'ollama';
import OpenAI, { BadRequestError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveAgent, type ServingAgent } from '../one-node/support/agent-process.ts';

let folder: string;
let agent: ServingAgent;
let client: OpenAI;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-embeddings-'));
  await writeTinyBert(join(folder, 'vectors.gguf'));
  await writeTinyBert(join(folder, 'ranker.gguf'), { pooling: 'rank' });
  const models = ['vectors.gguf', 'ranker.gguf'].flatMap((name) => ['--model', join(folder, name)]);
  agent = await serveAgent([...models, '--model', 'pippa-tiny', '--threads', '1', '--state-dir', join(folder, 'state')]);
  client = new OpenAI({ baseURL: `${agent.url}/v1`, apiKey: 'pippa', maxRetries: 0 });
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const lengthOf = (vector: readonly number[] | undefined): number => Math.hypot(...(vector ?? []));

describe('the openai client', () => {
  it('gets vectors, in the format that it asks for and any other', async () => {
    const input = ['the bees build honey', 'red apple'];
    const { data, usage, model } = await client.embeddings.create({ model: 'vectors', input });
    expect(data.map(({ index, embedding }) => [index, embedding.length])).toEqual([
      [0, 64],
      [1, 64],
    ]);
    for (const { embedding } of data) expect(lengthOf(embedding)).toBeCloseTo(1, 4);
    expect(model).toBe('vectors');
    expect(usage.prompt_tokens).toBeGreaterThan(6);
    const floats = await client.embeddings.create({ model: 'vectors', input, encoding_format: 'float' });
    for (const [index, value] of (floats.data[1]?.embedding ?? []).entries()) {
      expect(data[1]?.embedding[index]).toBeCloseTo(value, 6);
    }
    const short = await client.embeddings.create({ model: 'vectors', input, dimensions: 16 });
    expect(short.data[0]?.embedding).toHaveLength(16);
    expect(lengthOf(short.data[0]?.embedding)).toBeCloseTo(1, 4);
  });

  it('gets vectors from a model that writes, and texts of one that makes vectors are refused', async () => {
    const { data } = await client.embeddings.create({ model: 'pippa-tiny', input: ['What is pippa-agent?', 'Who are you?'] });
    expect(lengthOf(data[0]?.embedding)).toBeCloseTo(1, 4);
    expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
    const asked = client.chat.completions.create({ model: 'vectors', messages: [{ role: 'user', content: 'Hello' }] });
    const failure = await asked.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BadRequestError);
    expect(failure).toMatchObject({ param: 'model', message: expect.stringContaining('/v1/embeddings') });
  });

  it('finds models that make vectors among the others', async () => {
    const names = (await client.models.list()).data.map(({ id }) => id);
    expect(names.sort()).toEqual(['pippa-tiny', 'ranker', 'vectors']);
  });
});

describe('the ollama client', () => {
  it('gets the same vectors, of one text or several', async () => {
    const ollama = new Ollama({ host: agent.url });
    const input = ['the bees build honey', 'red apple'];
    const { data } = await client.embeddings.create({ model: 'vectors', input, encoding_format: 'float' });
    const { embeddings, prompt_eval_count: tokens } = await ollama.embed({ model: 'vectors', input });
    expect(embeddings).toEqual(data.map(({ embedding }) => embedding));
    expect(tokens).toBeGreaterThan(6);
    expect((await ollama.embed({ model: 'vectors:latest', input: 'red apple' })).embeddings).toHaveLength(1);
    expect((await ollama.embeddings({ model: 'vectors', prompt: 'red apple' })).embedding).toHaveLength(64);
    const { embeddings: short } = await ollama.embed({ model: 'vectors', input: 'red apple', dimensions: 16 });
    expect(lengthOf(short[0])).toBeCloseTo(1, 4);
    expect((await ollama.show({ model: 'vectors' })).capabilities).toEqual(['embedding']);
  });

  it('has texts that are too long cut, unless it says otherwise', async () => {
    const ollama = new Ollama({ host: agent.url });
    const input = 'honey '.repeat(5000);
    expect((await ollama.embed({ model: 'vectors', input })).embeddings).toHaveLength(1);
    await expect(ollama.embed({ model: 'vectors', input, truncate: false })).rejects.toMatchObject({ status_code: 400 });
    await expect(ollama.embed({ model: 'vectors', input: 'a', dimensions: 65 })).rejects.toMatchObject({ status_code: 400 });
    await expect(ollama.embed({ model: 'none', input: 'a' })).rejects.toMatchObject({ status_code: 404 });
  });
});

describe('rerank', () => {
  it('scores each document by itself, the best first', async () => {
    const documents = ['red apple', 'the house answers', 'honey'];
    const ask = async (texts: readonly string[]) => {
      const body = JSON.stringify({ model: 'ranker', query: 'red apple', documents: texts });
      const response = await fetch(`${agent.url}/v1/rerank`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const { results } = (await response.json()) as { results: { index: number; relevance_score: number }[] };
      return results;
    };
    const results = await ask(documents);
    expect(new Set(results.map(({ index }) => index))).toEqual(new Set([0, 1, 2]));
    const scores = results.map(({ relevance_score }) => relevance_score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    const turned = await ask(documents.toReversed());
    const best = documents[results[0]?.index ?? 0];
    expect(documents.toReversed()[turned[0]?.index ?? 0]).toBe(best);
  });
});
