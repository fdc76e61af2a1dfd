import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { AnswerPart } from '../src/conversation/partner.ts';
import { probeAgent, RemotePartner } from '../src/conversation/remote-partner.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function listen(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function partsOf(url: string, signal = new AbortController().signal): Promise<AnswerPart[]> {
  const partner = new RemotePartner({ url }, 'some-model');
  return Array.fromAsync(partner.answer([{ role: 'user', content: 'hi' }], { signal }));
}

const event = (body: unknown): string => `data: ${JSON.stringify(body)}\n\n`;

describe('an agent over HTTP', () => {
  it('is not there when nobody listens, or something else does', async () => {
    const url = await listen((_request, response) => response.end('<html>hello</html>'));
    expect(await probeAgent({ url })).toBeUndefined();
    server?.close();
    expect(await probeAgent({ url: 'http://127.0.0.1:1' })).toBeUndefined();
  });

  it('says its own error, code included', async () => {
    const url = await listen((_request, response) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'too long', type: 'x', code: 'context_length_exceeded' } }));
    });
    await expect(partsOf(url)).rejects.toMatchObject({ message: 'too long', code: 'context_length_exceeded' });
  });

  it('fails when the stream ends before the answer does', async () => {
    const url = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(event({ choices: [{ index: 0, delta: { content: 'half' } }] }));
    });
    await expect(partsOf(url)).rejects.toThrow(/stopped in the middle/);
  });

  it('fails with the error that comes in the middle of a stream', async () => {
    const url = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ choices: [{ index: 0, delta: { content: 'half' } }] }));
      response.end(event({ error: { message: 'stage 1 is gone', code: 'stage_failed' } }));
    });
    await expect(partsOf(url)).rejects.toMatchObject({ message: 'stage 1 is gone', code: 'stage_failed' });
  });

  it('hangs up when the answer is no longer wanted', async () => {
    const { promise: hungUp, resolve } = Promise.withResolvers<void>();
    const url = await listen((_request, response) => {
      response.on('close', () => resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ choices: [{ index: 0, delta: { content: 'once' } }] }));
    });
    const stop = new AbortController();
    const partner = new RemotePartner({ url }, 'some-model');
    const parts = partner.answer([{ role: 'user', content: 'hi' }], { signal: stop.signal })[Symbol.asyncIterator]();
    expect(await parts.next()).toMatchObject({ value: { text: 'once' } });
    stop.abort(new Error('enough'));
    await expect(parts.next()).rejects.toThrow();
    await hungUp;
  });
});
