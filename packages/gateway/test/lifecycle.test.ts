import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { silentLogger, systemClock } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { createGateway } from '../src/index.ts';
import { postRequest, RawClient } from './support/raw-client.ts';
import { serviceOf } from './support/scripted-model.ts';
import type { Script } from './support/scripted-model.ts';
import { hanging } from './support/scripts.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const hasIpv6Loopback = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));
const options = { models: serviceOf(), logger: silentLogger, clock: systemClock, version: '1' };

describe('listening', () => {
  it('is on 127.0.0.1 by default, and on ::1 with the same port where there is one', async () => {
    const { gateway, port } = await startGateway();
    expect(gateway.address()).toEqual({ host: '127.0.0.1', port, url: `http://127.0.0.1:${port}` });
    for (const host of hasIpv6Loopback ? ['127.0.0.1', '[::1]', 'localhost'] : ['127.0.0.1', 'localhost']) {
      expect((await fetch(`http://${host}:${port}/health`)).status).toBe(200);
    }
  });

  it('on a port in use fails with what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const gateway = createGateway({ ...options, port });
    await expect(gateway.start()).rejects.toMatchObject({ name: 'PortInUseError', port, hint: expect.stringContaining('--port') });
    await gateway.stop();
    other.close();
  });

  it.runIf(hasIpv6Loopback)('fails when the port is taken on ::1 alone, and frees 127.0.0.1 again', async () => {
    const other = createServer().listen(0, '::1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(createGateway({ ...options, port }).start()).rejects.toMatchObject({ name: 'PortInUseError' });
    other.close();
    const gateway = createGateway({ ...options, port });
    await gateway.start();
    await gateway.stop();
  });

  it('on an address of another machine fails by name', async () => {
    const gateway = createGateway({ ...options, port: 0, host: '192.0.2.1', apiKey: 'x' });
    await expect(gateway.start()).rejects.toMatchObject({ name: 'ListenError' });
  });

  it.each([-1, 65_536, 1.5, Number.NaN])('port %s is refused', (port) => {
    expect(() => createGateway({ ...options, port })).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
  });
});

describe('start and stop', () => {
  it('can be called again and again, and in any order', async () => {
    const gateway = createGateway({ ...options, port: 0 });
    expect(() => gateway.address()).toThrow(expect.objectContaining({ name: 'StoppedError' }));
    await Promise.all([gateway.start(), gateway.start()]);
    const { url } = gateway.address();
    await Promise.all([gateway.stop(), gateway.stop()]);
    await gateway.stop();
    await expect(fetch(url)).rejects.toThrow();
    await createGateway({ ...options, port: 0 }).stop();
  });

  it('closes idle connections at once', async () => {
    const { gateway, port } = await startGateway({ limits: { drainMs: 60_000 } });
    const client = new RawClient(port);
    client.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.until('"status":"ok"');
    await gateway.stop();
    await expect(client.closed).resolves.toBeUndefined();
  });

  it('tells a waiting client that the agent stops', async () => {
    const { gateway, port, model } = await startGateway({ script: hanging });
    const client = new RawClient(port);
    client.send(postRequest('/v1/chat/completions', hello));
    await until(() => model.running === 1);
    await gateway.stop();
    await client.closed;
    expect(client.status).toBe(503);
    expect(client.received).toContain('"code":"stopped"');
    expect(client.received).toMatch(/retry-after: \d/i);
  });

  it('refuses new requests on open connections while it drains', async () => {
    const { gateway, port, model } = await startGateway({ script: hanging, limits: { drainMs: 60_000 } });
    const busy = new RawClient(port);
    busy.send(postRequest('/v1/chat/completions', { ...hello, stream: true }));
    await busy.until('"Wait"');
    const pipelined = new RawClient(port);
    // The end of this request comes after the stop, so its connection is not idle.
    pipelined.send('GET /v1/models HTTP/1.1\r\nHost: local');
    await until(() => gateway.counters().openConnections === 2);
    const stopped = gateway.stop();
    pipelined.send('host\r\n\r\n');
    await pipelined.closed;
    expect(pipelined.status).toBe(503);
    expect(model.running).toBe(1);
    busy.socket.destroy();
    await stopped;
  });

  it('ends within its bound even when a model does not obey', async () => {
    const deaf: Script = async function* ignore() {
      yield { kind: 'text', text: 'x' };
      await new Promise(() => {});
    };
    const { gateway, port } = await startGateway({ script: deaf, limits: { drainMs: 0, abortMs: 10 } });
    const client = new RawClient(port);
    client.send(postRequest('/v1/chat/completions', { ...hello, stream: true }));
    await client.until('"x"');
    await gateway.stop();
    await client.closed;
    expect(gateway.counters().activeGenerations).toBe(1);
  });
});
