import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:tls';
import { silentLogger, systemClock } from '@pippa/core';
import type { Logger } from '@pippa/core';
import { selfSigned } from '@pippa/testing';
import { describe, expect, it } from 'vitest';
import { createGateway } from '../src/index.ts';
import type { Caller, KeySource } from '../src/index.ts';
import { FakeClock } from './support/fake-clock.ts';
import { serviceOf } from './support/scripted-model.ts';
import { hanging, sentence } from './support/scripts.ts';
import { StreamReader } from './support/sse.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';

/** Keys by their secret; a test may take one away. */
function keysOf(callers: Record<string, Partial<Caller>>): KeySource & { readonly all: Map<string, Caller> } {
  const all = new Map<string, Caller>();
  for (const [secret, caller] of Object.entries(callers)) {
    all.set(secret, { id: secret, name: secret, scope: 'inference', ...caller });
  }
  return { all, find: (secret) => all.get(secret), hasKeys: () => all.size > 0 };
}

const bearer = (secret: string): Record<string, string> => ({
  authorization: `Bearer ${secret}`,
  'content-type': 'application/json',
});

describe('keys that were given out', () => {
  it('let in as a bearer token or as x-api-key, and no longer once they are revoked', async () => {
    const keys = keysOf({ ada: {} });
    const { url } = await startGateway({ apiKey: 'of the settings', keys });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/v1/models`, { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status(bearer('bob'))).toBe(401);
    expect(await status(bearer('ada'))).toBe(200);
    expect(await status({ 'x-api-key': 'ada' })).toBe(200);
    keys.all.clear();
    expect(await status(bearer('ada'))).toBe(401);
  });

  it('open an address to the network, which nothing else does', async () => {
    const options = { models: serviceOf(), logger: silentLogger, clock: systemClock, port: 0, version: '1', host: '0.0.0.0' };
    await expect(createGateway({ ...options, keys: keysOf({}) }).start()).rejects.toMatchObject({ code: 'api_key_required' });
    const keys = keysOf({ ada: {} });
    const gateway = createGateway({ ...options, keys });
    await gateway.start();
    const { url } = gateway.address();
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    expect((await fetch(`${url}/v1/models`, { headers: bearer('ada') })).status).toBe(200);
    await gateway.stop();
  });

  it('are not asked for on this machine, where clients send what they like', async () => {
    const { url } = await startGateway({ keys: keysOf({ ada: {} }) });
    expect((await fetch(`${url}/v1/models`)).status).toBe(200);
    expect((await fetch(`${url}/v1/models`, { headers: bearer('sk-anything') })).status).toBe(200);
  });

  it('of scope inference may ask, not look behind; those of scope admin may', async () => {
    const { url, post } = await startGateway({ apiKey: 'settings', keys: keysOf({ ada: {}, root: { scope: 'admin' } }) });
    const get = (path: string, secret: string): Promise<Response> => fetch(`${url}${path}`, { headers: bearer(secret) });
    const asked = await post(PATH, hello, { headers: bearer('ada') });
    const id = asked.headers.get('x-request-id') ?? '';
    expect(asked.status).toBe(200);
    await asked.text();
    const refused = await get('/pippa/v1/traces', 'ada');
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { type: 'permission_error', code: 'insufficient_scope' } });
    expect((await post('/api/pull', { model: 'x' }, { headers: bearer('ada') })).status).toBe(403);
    expect((await get('/pippa/v1/traces', 'root')).status).toBe(200);
    expect((await get('/pippa/v1/traces', 'settings')).status).toBe(200);
    expect(await (await get(`/pippa/v1/traces/${id}`, 'ada')).json()).toMatchObject({ id, key: 'ada' });
  });

  it("do not see another key's traces", async () => {
    const { url, post } = await startGateway({ apiKey: 'settings', keys: keysOf({ ada: {}, bob: {} }) });
    const asked = await post(PATH, hello, { headers: { ...bearer('ada'), 'x-request-id': 'of-ada' } });
    await asked.text();
    expect((await fetch(`${url}/pippa/v1/traces/of-ada`, { headers: bearer('bob') })).status).toBe(404);
  });

  it('are named in the access log, never shown', async () => {
    const lines: object[] = [];
    const logger: Logger = { ...silentLogger, info: (fields) => void lines.push({ ...fields }), child: () => logger };
    const { post } = await startGateway({ logger, apiKey: 'settings', keys: keysOf({ secret1: { name: 'ada' } }) });
    await (await post(PATH, hello, { headers: bearer('secret1') })).text();
    await until(() => lines.length === 2);
    expect(lines[1]).toMatchObject({ key: 'ada', status: 200 });
    expect(JSON.stringify(lines)).not.toContain('secret1');
  });
});

describe('the limits of a key', () => {
  it('refuse what comes too fast with 429 and when to try again, and let it in then', async () => {
    const clock = new FakeClock();
    const keys = keysOf({ ada: { rate: { count: 2, perSeconds: 60 } }, bob: {} });
    const { post, url } = await startGateway({ clock, apiKey: 'settings', keys });
    const ask = (secret: string): Promise<Response> => post(PATH, hello, { headers: bearer(secret) });
    expect((await ask('ada')).status).toBe(200);
    expect((await ask('ada')).status).toBe(200);
    const refused = await ask('ada');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(refused.headers.get('retry-after-ms')).toBe('30000');
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' } });
    expect((await fetch(`${url}/v1/models`, { headers: bearer('ada') })).status).toBe(200);
    expect((await ask('bob')).status).toBe(200);
    clock.advance(30_000);
    expect((await ask('ada')).status).toBe(200);
    expect((await ask('ada')).status).toBe(429);
    clock.advance(3_600_000);
    const statuses = [(await ask('ada')).status, (await ask('ada')).status, (await ask('ada')).status];
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('refuse what is too much at once, until something has ended or its client left', async () => {
    const keys = keysOf({ ada: { concurrency: 1 } });
    const { post, model, idle } = await startGateway({ apiKey: 'settings', keys, script: hanging });
    const controller = new AbortController();
    const first = await post(PATH, { ...hello, stream: true }, { headers: bearer('ada'), signal: controller.signal });
    await new StreamReader(first).until('Wait');
    const second = await post(PATH, hello, { headers: bearer('ada') });
    expect(second.status).toBe(429);
    expect(second.headers.get('retry-after')).toBe('1');
    controller.abort();
    await idle();
    model.script = sentence;
    expect((await post(PATH, hello, { headers: bearer('ada') })).status).toBe(200);
  });
});

describe('TLS', () => {
  it('serves https with the files given', async () => {
    const tls = selfSigned();
    const { gateway, port } = await startGateway({ tls });
    expect(gateway.address().url).toBe(`https://127.0.0.1:${port}`);
    const body = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest({ port, host: 'localhost', path: '/health', ca: tls.certificate }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.once('end', () => resolve(text));
      });
      request.once('error', reject);
      request.end();
    });
    expect(JSON.parse(body)).toMatchObject({ status: 'ok' });
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });

  it('closes connections over the limit', async () => {
    const tls = selfSigned();
    const { gateway, port } = await startGateway({ tls, limits: { maxConnections: 1 } });
    const kept = connect({ port, host: 'localhost', ca: tls.certificate });
    await once(kept, 'secureConnect');
    const refused = connect({ port, host: 'localhost', ca: tls.certificate });
    await expect(once(refused, 'secureConnect')).rejects.toThrow();
    expect(gateway.counters().refusedConnections).toBe(1);
    kept.destroy();
  });

  it.each([
    ['no certificate', { certificate: 'nothing', key: selfSigned().key }],
    ['the key of another', { certificate: selfSigned().certificate, key: selfSigned().key }],
  ])('refuses %s', (_what, tls) => {
    const options = { models: serviceOf(), logger: silentLogger, clock: systemClock, port: 0, version: '1' };
    expect(() => createGateway({ ...options, tls })).toThrow(
      expect.objectContaining({ name: 'TlsError', hint: expect.stringContaining('PEM') }),
    );
  });
});
