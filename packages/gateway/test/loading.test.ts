import { InvalidInputError } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { patienceMs } from '../src/http/prefer.ts';
import { retrySeconds } from '../src/openai/load-model.ts';
import { FakeClock } from './support/fake-clock.ts';
import { saying } from './support/scripts.ts';
import { SleepingModel } from './support/sleeping-model.ts';
import { StreamReader } from './support/sse.ts';
import { startGateway, until } from './support/test-gateway.ts';

async function start() {
  const clock = new FakeClock();
  const model = new SleepingModel('sleeper', saying('Good morning'));
  const { post, url } = await startGateway({ clock, others: [model] });
  return { clock, model, post, url };
}

const chat = { model: 'sleeper', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 8 };
const BODIES: readonly (readonly [path: string, body: object])[] = [
  ['/v1/chat/completions', chat],
  ['/v1/completions', { model: 'sleeper', prompt: 'Hello' }],
  ['/v1/responses', { model: 'sleeper', input: 'Hello' }],
  ['/v1/messages', chat],
  ['/api/chat', chat],
  ['/api/generate', { model: 'sleeper', prompt: 'Hello' }],
];

describe('a stream of a model that has to be loaded first', () => {
  it.each(BODIES)('%s begins at once, and is answered when the model is there', async (path, body) => {
    const { clock, model, post } = await start();
    const answering = post(path, { ...body, stream: true });
    await until(() => model.waiting === 1);
    model.reach(0.42);
    clock.advance(200);
    const response = await answering;
    expect(response.status).toBe(200);
    model.finish();
    const text = await response.text();
    expect(text).toContain('Good morning');
    if (path.startsWith('/api/')) for (const line of text.trim().split('\n')) JSON.parse(line);
    else expect(text).toContain(': loading 42 %: studio loads layers 0 to 3\n\n');
    if (path === '/v1/messages') expect(text).toContain('event: ping\n');
  });

  it('tells of progress, but no faster than people read', async () => {
    const { clock, model, post } = await start();
    const answering = post('/v1/chat/completions', { ...chat, stream: true });
    await until(() => model.waiting === 1);
    clock.advance(200);
    const reader = new StreamReader(await answering);
    for (let percent = 1; percent <= 100; percent += 1) {
      clock.advance(25);
      model.reach(percent / 100);
    }
    model.finish();
    const text = await reader.rest();
    const told = [...text.matchAll(/^: loading (\d+) %/gm)].map(([, percent]) => Number(percent));
    expect(told).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  });

  it('is refused by status when that is known at once, and in the stream later', async () => {
    const early = await start();
    const refused = early.post('/v1/chat/completions', { ...chat, stream: true });
    await until(() => early.model.waiting === 1);
    early.model.fail(new InvalidInputError('It does not fit.'));
    expect((await refused).status).toBe(400);

    const late = await start();
    const streaming = late.post('/v1/chat/completions', { ...chat, stream: true });
    await until(() => late.model.waiting === 1);
    late.clock.advance(200);
    const response = await streaming;
    late.model.fail(new InvalidInputError('It does not fit.'));
    const [, data = ''] = /^data: (.*)$/m.exec(await response.text()) ?? [];
    expect(JSON.parse(data)).toEqual({
      error: { message: 'It does not fit.', type: 'invalid_request_error', param: null, code: 'invalid_input' },
    });
  });
});

describe('a client that does not wait for a model', () => {
  it.each(BODIES)('%s: it is told when to come back, and loading goes on', async (path, body) => {
    const { model, post } = await start();
    model.reach(0.25, 3000);
    const answering = post(
      path,
      { ...body, stream: path !== '/v1/completions' },
      { headers: { 'content-type': 'application/json', prefer: 'respond-async' } },
    );
    const response = await answering;
    expect(model.waiting).toBe(1);
    expect(response.status).toBe(path === '/v1/messages' ? 529 : 503);
    expect(response.headers.get('retry-after')).toBe('9');
    const { error } = (await response.json()) as { error: string | { message: string; code: string } };
    const message = typeof error === 'string' ? error : error.message;
    expect(message).toContain('"sleeper" is being loaded (25 %: studio loads layers 0 to 3)');
    if (path === '/v1/chat/completions') expect(error).toMatchObject({ code: 'model_loading', type: 'overloaded_error' });
    model.finish();
    expect((await post(path, body, { headers: { 'content-type': 'application/json', prefer: 'respond-async' } })).status).toBe(200);
  });

  it('waits as long as it said', async () => {
    const { model, clock, post } = await start();
    const patient = post('/v1/chat/completions', chat, { headers: { 'content-type': 'application/json', prefer: 'wait=5' } });
    await until(() => model.waiting === 1);
    clock.advance(4999);
    model.finish();
    expect((await patient).status).toBe(200);
  });
});

it('reads how long a client waits', () => {
  expect(patienceMs({})).toBeUndefined();
  expect(patienceMs({ prefer: 'wait=7' })).toBe(7000);
  expect(patienceMs({ prefer: 'respond-async, wait=10' })).toBe(10_000);
  expect(patienceMs({ prefer: 'return=minimal; foo=bar, Respond-Async' })).toBe(0);
  expect(patienceMs({ prefer: 'wait=999999' })).toBe(3_600_000);
  expect(patienceMs({ prefer: 'wait=-1, wait=1e9' })).toBeUndefined();
});

it('expects the rest to take as long as what is done', () => {
  expect(retrySeconds(0, 60_000)).toBe(2);
  expect(retrySeconds(0.5, 10_000)).toBe(10);
  expect(retrySeconds(0.99, 1000)).toBe(1);
  expect(retrySeconds(0.05, 60_000)).toBe(60);
});

it('tells in /health what is being loaded', async () => {
  const loading = { model: 'sleeper', progress: 0.5, message: 'studio loads layers 0 to 3' };
  const { url } = await startGateway({ loadingModels: () => [loading] });
  const health = (await (await fetch(`${url}/health`)).json()) as { loading: unknown };
  expect(health.loading).toEqual([loading]);
});
