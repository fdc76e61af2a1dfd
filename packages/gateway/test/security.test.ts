import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createGateway } from '../src/index.ts';
import { silentLogger, systemClock } from '@pippa/core';
import { serviceOf } from './support/scripted-model.ts';
import { RawClient } from './support/raw-client.ts';
import { hello, startGateway } from './support/test-gateway.ts';

/** Status and headers of a request whose Host and Origin headers are free, unlike those of `fetch`. */
function ask(
  port: number,
  headers: Record<string, string>,
  options: { readonly method?: string; readonly path?: string; readonly body?: string } = {},
): Promise<{ status: number; headers: Record<string, string | string[] | undefined>; text: string }> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path = '/v1/models', body } = options;
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.once('error', reject);
    request.end(body);
  });
}

describe('the Host of a request to loopback', () => {
  it.each([
    'localhost',
    'LOCALHOST:1234',
    '127.0.0.1',
    '127.9.9.9:80',
    '[::1]:8080',
    'chat.localhost',
    'host.docker.internal:11435',
  ])('%s is allowed', async (host) => {
    const { port } = await startGateway();
    expect((await ask(port, { host })).status).toBe(200);
  });

  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80', '192.168.1.5', 'evil.local', '[::2]'])(
    '%s is refused: its name may be rebound to this machine',
    async (host) => {
      const { port } = await startGateway();
      const { status, text } = await ask(port, { host });
      expect(status).toBe(403);
      expect(JSON.parse(text)).toMatchObject({ error: { type: 'permission_error', code: 'forbidden_host' } });
    },
  );

  it('may be allowed by name', async () => {
    const { port } = await startGateway({ allowedHosts: ['pippa.example'] });
    expect((await ask(port, { host: 'pippa.example:443' })).status).toBe(200);
  });

  it.each([
    'GET /v1/models HTTP/1.1\r\n\r\n',
    'GET /v1/models HTTP/1.1\r\nHost: a b\r\n\r\n',
    'GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n',
  ])('missing, malformed or given twice is a bad request: %j', async (text) => {
    const { port } = await startGateway();
    const client = new RawClient(port);
    client.send(text);
    await client.until('"invalid_request_error"');
    expect(client.status).toBe(400);
    client.socket.destroy();
  });
});

describe('web pages', () => {
  it.each([
    'http://localhost:3000',
    'http://127.0.0.1:8080',
    'https://ui.localhost',
    'tauri://localhost',
    'app://obsidian.md',
    'vscode-webview://abc',
  ])('of %s may call', async (origin) => {
    const { port } = await startGateway();
    const { status, headers } = await ask(port, { origin });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: expect.stringContaining('Origin') });
  });

  it.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'file://', 'chrome-extension://abc'])(
    'of %s are refused, and their request has no effect',
    async (origin) => {
      const { port, model } = await startGateway();
      const body = JSON.stringify(hello);
      const { status, headers, text } = await ask(
        port,
        { origin, 'content-type': 'application/json' },
        { method: 'POST', path: '/v1/chat/completions', body },
      );
      expect(status).toBe(403);
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'forbidden_origin' } });
      expect(model.calls).toHaveLength(0);
    },
  );

  it('of another site may link here, but embed nothing', async () => {
    const { port } = await startGateway();
    const from = (mode: string, site = 'cross-site') => ask(port, { 'sec-fetch-site': site, 'sec-fetch-mode': mode });
    expect((await from('no-cors')).status).toBe(403);
    expect((await from('navigate')).status).toBe(200);
    const { status, headers } = await from('no-cors', 'same-origin');
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'cross-origin-resource-policy': 'same-origin', 'x-content-type-options': 'nosniff' });
  });

  it('whose name was rebound to an address open to the network get no further than the key', async () => {
    const gateway = createGateway({
      models: serviceOf(),
      logger: silentLogger,
      clock: systemClock,
      port: 0,
      version: '1',
      host: '0.0.0.0',
      apiKey: 'secret',
    });
    await gateway.start();
    const { port } = gateway.address();
    const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
    expect((await ask(port, rebound)).status).toBe(401);
    expect(JSON.parse((await ask(port, rebound, { path: '/health' })).text)).toEqual({ status: 'no_model' });
    await gateway.stop();
  });

  it('may be allowed by origin', async () => {
    const { port } = await startGateway({ allowedOrigins: ['https://chat.example'] });
    expect((await ask(port, { origin: 'https://chat.example' })).status).toBe(200);
  });

  it('get their preflight answered with the headers they ask for', async () => {
    const { port } = await startGateway({ apiKey: 'secret' });
    const { status, headers, text } = await ask(
      port,
      {
        origin: 'http://localhost:3000',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, content-type, x-stainless-os',
      },
      { method: 'OPTIONS', path: '/v1/chat/completions' },
    );
    expect(status).toBe(204);
    expect(text).toBe('');
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'http://localhost:3000',
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': 'authorization, content-type, x-stainless-os',
    });
  });

  it('see the headers on streams and errors too', async () => {
    const { url } = await startGateway();
    const send = (body: object) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: 'http://localhost:3000' },
        body: JSON.stringify(body),
      });
    for (const body of [
      { ...hello, stream: true },
      { ...hello, n: 99 },
    ]) {
      const response = await send(body);
      expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
      expect(response.headers.get('x-request-id')).toMatch(/^req_/);
      await response.text();
    }
  });
});

describe('an API key', () => {
  it('is wanted for everything that works or tells about models', async () => {
    const { url } = await startGateway({ apiKey: 'secret' });
    const get = (path: string, authorization?: string) =>
      fetch(`${url}${path}`, authorization === undefined ? {} : { headers: { authorization } });
    for (const wrong of [undefined, 'Bearer nope', 'Bearer', 'Basic secret']) {
      const response = await get('/v1/models', wrong);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await response.json()).toMatchObject({ error: { type: 'authentication_error', code: 'invalid_api_key' } });
    }
    expect((await get('/v1/models', 'Bearer secret')).status).toBe(200);
    expect(await (await get('/health')).json()).toEqual({ status: 'ok' });
    expect(await (await get('/health', 'Bearer secret')).json()).toMatchObject({ models: ['tiny'] });
  });

  it('is wanted before the API is opened to the network', async () => {
    const options = { models: serviceOf(), logger: silentLogger, clock: systemClock, port: 0, version: '1', host: '0.0.0.0' };
    await expect(createGateway(options).start()).rejects.toMatchObject({ name: 'ApiKeyRequiredError' });
    const gateway = createGateway({ ...options, apiKey: 'secret' });
    await gateway.start();
    const { port, url } = gateway.address();
    expect(url).toBe(`http://127.0.0.1:${port}`);
    expect((await ask(port, { host: 'my-mac.local', authorization: 'Bearer secret' })).status).toBe(200);
    await gateway.stop();
  });
});
