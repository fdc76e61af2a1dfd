import { describe, expect, it } from 'vitest';
import { postRequest, RawClient } from './support/raw-client.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';
const MIB = 1024 * 1024;
const jsonHeaders = { 'content-type': 'application/json' };
const head = (extra: string): string =>
  `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${extra}\r\n`;

describe('bodies', () => {
  it.each([
    ['nothing', '', 'empty_body'],
    ['no JSON', '{"model": tiny}', 'invalid_json'],
    ['half of the JSON', '{"model": "ti', 'invalid_json'],
    ['an array', '[]', 'invalid_type'],
    ['null', 'null', 'invalid_type'],
    ['deep nesting', `{"messages":${'['.repeat(100_000)}`, 'json_too_deep'],
    ['too many values', `{"messages":[${'0,'.repeat(1_000_000)}0]}`, 'json_too_many_values'],
  ])('%s is refused with a reason', async (_, body, code) => {
    const { post } = await startGateway();
    const response = await post(PATH, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', code } });
  });

  it.each([
    ['a stray continuation byte', [0x80]],
    ['an overlong encoding', [0xc0, 0xaf]],
    ['half a character', [0xe6, 0x97]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('with %s are not UTF-8', async (_, bytes) => {
    const { url } = await startGateway();
    const text = JSON.stringify({ ...hello, messages: [{ role: 'user', content: 'AB' }] });
    const [before = '', after = ''] = text.split('AB');
    const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
    const response = await fetch(url + PATH, { method: 'POST', headers: jsonHeaders, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_utf8' } });
  });

  it('may begin with a byte order mark, and hold any key', async () => {
    const { post } = await startGateway();
    const text = JSON.stringify({ ...hello, ['constructor']: 1, ['toString']: {} }).replace(
      '{',
      '\uFEFF{"__proto__":{"stream":true},',
    );
    const response = await post(PATH, text);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('application/json');
  });

  it.each([
    ['text/plain', undefined, 415],
    ['multipart/form-data; boundary=x', undefined, 415],
    ['application/json; charset=latin1', undefined, 415],
    ['application/json', 'gzip', 415],
    ['application/json; charset=UTF-8', undefined, 200],
    ['application/vnd.api+json', undefined, 200],
    ['application/x-www-form-urlencoded', undefined, 200],
  ])('of type %s, encoding %s: %i', async (type, encoding, status) => {
    const { post } = await startGateway();
    const headers = { 'content-type': type, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) };
    const response = await post(PATH, hello, { headers });
    expect(response.status).toBe(status);
    await response.text();
  });

  it('of 100 MB are refused, announced or not, and the connection lives on', async () => {
    const { url, gateway, port, idle } = await startGateway();
    const body = Buffer.alloc(100 * MIB, 0x20);
    const announced = await fetch(url + PATH, { method: 'POST', headers: jsonHeaders, body });
    expect(announced.status).toBe(413);
    expect(await announced.json()).toMatchObject({
      error: { code: 'body_too_large', message: expect.stringContaining('32.0 MB') },
    });

    const client = new RawClient(port);
    client.send(head('Transfer-Encoding: chunked\r\n'));
    const piece = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MIB, 0x20), Buffer.from('\r\n')]);
    for (let sent = 0; sent < 40; sent++) {
      if (!client.socket.write(piece)) await new Promise((resolve) => client.socket.once('drain', resolve));
    }
    await client.until('"body_too_large"');
    expect(client.status).toBe(413);
    client.send(`0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await client.until('"status":"ok"');
    client.socket.destroy();
    await idle();
    expect(gateway.counters().bufferedBodyBytes).toBe(0);
  });

  it('that are refused do not keep their connection for ever', async () => {
    const { port } = await startGateway({ limits: { discardBodyMs: 50 } });
    const client = new RawClient(port);
    client.send(head(`Content-Length: ${100 * MIB}\r\n`));
    await client.until('"body_too_large"');
    await expect(client.closed).resolves.toBeUndefined();
  });

  it('count against what all of them may take together', async () => {
    const { port, gateway, idle } = await startGateway({ limits: { maxBufferedBodyBytes: MIB } });
    const first = new RawClient(port);
    first.send(head(`Content-Length: ${MIB}\r\n`));
    first.send('x'.repeat(MIB - 1));
    await until(() => gateway.counters().bufferedBodyBytes === MIB - 1);
    const second = new RawClient(port);
    second.send(postRequest(PATH, hello));
    await second.until('"overloaded"');
    expect(second.status).toBe(503);
    expect(second.received).toMatch(/retry-after: \d/i);
    first.socket.destroy();
    second.socket.destroy();
    await idle();
    expect(gateway.counters().bufferedBodyBytes).toBe(0);
  });

  it('are asked for only when they are wanted (Expect: 100-continue)', async () => {
    const { port } = await startGateway();
    const good = new RawClient(port);
    const body = JSON.stringify(hello);
    good.send(head(`Expect: 100-continue\r\nContent-Length: ${body.length}\r\n`));
    await good.until('100 Continue');
    good.send(body);
    await good.until('"chat.completion"');
    good.socket.destroy();

    const large = new RawClient(port);
    large.send(head(`Expect: 100-continue\r\nContent-Length: ${100 * MIB}\r\n`));
    await large.closed;
    expect(large.status).toBe(413);
    expect(large.received).not.toContain('100 Continue');
  });
});

describe('requests that are no HTTP', () => {
  it.each([
    'hello\r\n\r\n',
    'GET /\x01 HTTP/1.1\r\n\r\n',
    head('Content-Length: 5\r\nContent-Length: 6\r\n'),
    head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
  ])('%j gets a 400 in the shape of OpenAI', async (text) => {
    const { port } = await startGateway();
    const client = new RawClient(port);
    client.send(text);
    await client.closed;
    expect(client.status).toBe(400);
    expect(client.received).toContain('"type":"invalid_request_error"');
  });

  it('with endless headers get a 431', async () => {
    const { port } = await startGateway();
    const client = new RawClient(port);
    client.send(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    await client.closed;
    expect(client.status).toBe(431);
  });

  it.each(['/v1/models/%E0%A4%A', '/v1/models/%00', '/v1/../v1/nothing', '//', '/v1/models/..%2f..'])(
    'with the strange path %s get a clear 4xx',
    async (path) => {
      const { port } = await startGateway();
      const client = new RawClient(port);
      client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await client.until('"invalid_request_error"');
      expect(client.status).toBe(404);
      client.socket.destroy();
    },
  );
});

describe('slow requests', () => {
  it.each([
    ['headers', 'POST / HTTP/1.1\r\nHost: local'],
    ['bodies', `${head('Content-Length: 1000\r\n')}{"mod`],
  ])('%s that never end get a 408', async (_, text) => {
    const { port, gateway, idle } = await startGateway({ limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
    const client = new RawClient(port);
    client.send(text);
    await client.closed;
    expect(client.status).toBe(408);
    expect(client.received).toContain('"request_timeout"');
    await idle();
    expect(gateway.counters().bufferedBodyBytes).toBe(0);
  });

  it('connections that send nothing are closed', async () => {
    const { port } = await startGateway({ limits: { headersTimeoutMs: 100 } });
    await expect(new RawClient(port).closed).resolves.toBeUndefined();
  });

  it('a generation may take longer than a request may', async () => {
    const gate = Promise.withResolvers<void>();
    const { port } = await startGateway({
      limits: { headersTimeoutMs: 50, requestTimeoutMs: 100 },
      script: async function* slow(_, signal) {
        await gate.promise;
        signal.throwIfAborted();
        yield { kind: 'text', text: 'at last' };
        yield {
          kind: 'finish',
          reason: 'stop',
          usage: { promptTokens: 1, cachedTokens: 0, generatedTokens: 1, queueMs: 0, prefillMs: 0, decodeMs: 0 },
        };
      },
    });
    const client = new RawClient(port);
    client.send(postRequest(PATH, hello));
    // Another connection is timed out meanwhile, so the limits have been looked at.
    await new RawClient(port).closed;
    await new RawClient(port).closed;
    gate.resolve();
    await client.until('at last');
    expect(client.status).toBe(200);
    client.socket.destroy();
  });
});

describe('pipelined requests', () => {
  it('are answered in order', async () => {
    const { port } = await startGateway();
    const client = new RawClient(port);
    client.send(
      postRequest(PATH, hello) +
        'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' +
        'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n',
    );
    await client.until('unknown_url');
    const order = ['"chat.completion"', '"status":"ok"', 'unknown_url'].map((part) => client.received.indexOf(part));
    expect(order).toEqual(order.toSorted((left, right) => left - right));
    client.socket.destroy();
  });
});
