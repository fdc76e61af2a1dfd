import type { Logger } from '@pippa/core';
import { silentLogger } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { model as modelSchema, modelList } from '../src/openai/schemas/responses.ts';
import { ScriptedModel } from './support/scripted-model.ts';
import { sentence } from './support/scripts.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

describe('/v1/models', () => {
  it('lists the models as OpenAI does, with what they are', async () => {
    const { url } = await startGateway();
    const body = modelList.strict().parse(await (await fetch(`${url}/v1/models`)).json());
    expect(body.data).toEqual([
      {
        id: 'tiny',
        object: 'model',
        created: 1_700_000_000,
        owned_by: 'pippa',
        context_length: 2048,
        meta: { architecture: 'scripted', n_params: 1_100_000_000, n_ctx: 2048, size: 637_000_000 },
      },
    ]);
  });

  it.each(['org/name:Q4_0', 'org%2Fname%3AQ4_0'])('finds a model whose name has slashes and colons: %s', async (path) => {
    const { url } = await startGateway({ others: [new ScriptedModel('org/name:Q4_0', sentence)] });
    const response = await fetch(`${url}/v1/models/${path}`);
    expect(modelSchema.parse(await response.json()).id).toBe('org/name:Q4_0');
  });

  it('says which models there are when one is not', async () => {
    const { url } = await startGateway();
    const response = await fetch(`${url}/v1/models/none`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: { code: 'model_not_found', param: 'model', message: expect.stringContaining('tiny') },
    });
  });
});

describe('/health and /', () => {
  it('say how the agent is and where the API is', async () => {
    const { url } = await startGateway({ healthDetails: () => ({ backend: 'CPU' }) });
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({
      status: 'ok',
      version: '1.2.3',
      models: ['tiny'],
      active_requests: 1,
      active_generations: 0,
      backend: 'CPU',
    });
    expect(await (await fetch(url)).json()).toMatchObject({
      name: 'pippa-agent',
      version: '1.2.3',
      endpoints: expect.arrayContaining(['POST /v1/chat/completions', 'GET /v1/models/{model}', 'GET /openapi.json']),
    });
  });

  it('says so when there is no model', async () => {
    const { url } = await startGateway({ models: { list: () => [], get: () => new ScriptedModel('x', sentence) } });
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'no_model', models: [] });
  });
});

describe('unknown paths and methods', () => {
  it('names the path that was probably meant', async () => {
    const { post } = await startGateway();
    const response = await post('/chat/completions', hello);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', code: 'unknown_url', message: expect.stringContaining('/v1/chat/completions') },
    });
  });

  it.each([
    ['GET', '/v1/chat/completions', 'POST'],
    ['DELETE', '/v1/models/a/b', 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
  ])('%s %s is not allowed; the header says what is', async (method, path, allow) => {
    const { url } = await startGateway();
    const response = await fetch(`${url}${path}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await response.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
  });

  it('answers HEAD as GET without the body', async () => {
    const { url } = await startGateway();
    const response = await fetch(`${url}/health`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });
});

describe('request ids and the access log', () => {
  const capture = () => {
    const lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];
    const write = (level: string) => (fields: object, message: string) =>
      void lines.push({ level, fields: { ...fields }, message });
    const logger: Logger = {
      ...silentLogger,
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => logger,
    };
    return { lines, logger, requests: () => lines.filter((line) => line.message === 'request') };
  };

  it('echoes a good request id and replaces a bad one', async () => {
    const { url } = await startGateway();
    const idFor = async (id: string) =>
      (await fetch(`${url}/health`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idFor('my-id.1')).toBe('my-id.1');
    expect(await idFor('bad id\t')).toMatch(/^req_[0-9a-f]{32}$/);
  });

  it('logs one line a request, without a word of the prompt or the query', async () => {
    const { lines, logger, requests } = capture();
    const { post } = await startGateway({ logger });
    await post('/v1/chat/completions?key=hidden', { ...hello, messages: [{ role: 'user', content: 'my secret' }] }).then(
      (response) => response.text(),
    );
    await until(() => requests().length === 1);
    expect(requests()[0]).toMatchObject({
      level: 'info',
      fields: { method: 'POST', path: '/v1/chat/completions', status: 200, model: 'tiny', promptTokens: 2, generatedTokens: 10 },
    });
    expect(JSON.stringify(lines)).not.toMatch(/secret|hidden|Bees/);
  });

  it('logs the code of an error', async () => {
    const { logger, requests } = capture();
    const { post } = await startGateway({ logger });
    await post('/v1/chat/completions', { ...hello, model: 'x' });
    await until(() => requests().length === 1);
    expect(requests()[0]?.fields).toMatchObject({ status: 404, error: 'model_not_found' });
  });
});
