import { Agent, request as httpRequest } from 'node:http';
import { OverloadedError } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { postRequest, RawClient } from './support/raw-client.ts';
import type { Script } from './support/scripted-model.ts';
import { hanging, sentence } from './support/scripts.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';

describe('1,000 requests at once', () => {
  it('are all answered or refused, and leave nothing behind', async () => {
    const queue = { used: 0 };
    const bounded: Script = async function* admit(request, signal) {
      if (queue.used >= 500) throw new OverloadedError('The queue is full.', 1);
      queue.used++;
      try {
        await until(() => gateway.counters().requests >= 1000);
        yield* sentence(request, signal);
      } finally {
        queue.used--;
      }
    };
    const { gateway, port, idle, model } = await startGateway({ script: bounded });
    const agent = new Agent({ keepAlive: false });
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => send(port, agent, { ...hello, stream: index % 2 === 0 })),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(500);
    expect(statuses.filter((status) => status === 503)).toHaveLength(500);
    await idle();
    expect(model.running).toBe(0);
    expect(gateway.counters()).toMatchObject({
      activeRequests: 0,
      activeGenerations: 0,
      bufferedBodyBytes: 0,
      requests: 1000,
      serverErrors: 0,
    });
    expect(await send(port, agent, hello)).toBe(200);
    agent.destroy();
    await until(() => gateway.counters().openConnections === 0);
  }, 30_000);

  it('of which most are broken off leave nothing behind', async () => {
    const { gateway, port, idle, model } = await startGateway({ script: hanging });
    const clients = Array.from({ length: 300 }, () => new RawClient(port));
    for (const client of clients) client.send(postRequest(PATH, { ...hello, stream: true }));
    await until(() => model.running === 300);
    for (const client of clients) client.socket.destroy();
    await idle();
    expect(gateway.counters()).toMatchObject({ activeGenerations: 0, disconnects: 300 });
    await until(() => gateway.counters().openConnections === 0);
  });
});

describe('more than the limits', () => {
  it('of requests is told 503 with Retry-After', async () => {
    const { port, post, model, idle } = await startGateway({ script: hanging, limits: { maxActiveRequests: 2 } });
    const clients = [new RawClient(port), new RawClient(port)];
    for (const client of clients) client.send(postRequest(PATH, hello));
    await until(() => model.running === 2);
    const refused = await post(PATH, hello);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } });
    for (const client of clients) client.socket.destroy();
    await idle();
  });

  it('of connections is told 503, and the connection is closed', async () => {
    const { port, gateway } = await startGateway({ limits: { maxConnections: 8 } });
    const kept = Array.from({ length: 8 }, () => new RawClient(port));
    await until(() => gateway.counters().openConnections === 8);
    const refused = new RawClient(port);
    refused.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await refused.closed;
    expect(refused.status).toBe(503);
    expect(refused.received).toContain('"overloaded"');
    for (const client of kept) client.socket.destroy();
    await until(() => gateway.counters().openConnections === 0);
    expect(gateway.counters().refusedConnections).toBe(1);
    const welcome = new RawClient(port);
    welcome.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await welcome.until('"status":"ok"');
    welcome.socket.destroy();
  });
});

function send(port: number, agent: Agent, body: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', agent, path: PATH, method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
        response.once('error', reject);
      },
    );
    request.once('error', reject);
    request.end(JSON.stringify(body));
  });
}
