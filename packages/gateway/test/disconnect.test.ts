import { describe, expect, it } from 'vitest';
import { postRequest, RawClient } from './support/raw-client.ts';
import { hanging, sentence, waiting } from './support/scripts.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';

describe('a client that goes away', () => {
  it.each([
    ['before the first token', waiting, { stream: true }],
    ['in the middle of a stream', hanging, { stream: true }],
    ['while it waits for a whole answer', hanging, {}],
    ['with several choices', hanging, { stream: true, n: 8 }],
  ])('%s has its generations cancelled', async (_, script, fields) => {
    const { port, model, gateway, idle } = await startGateway({ script });
    const count = 'n' in fields ? fields.n : 1;
    const client = new RawClient(port);
    client.send(postRequest(PATH, { ...hello, ...fields }));
    await until(() => model.running === count);
    if (script === hanging && 'stream' in fields) await client.until('"Wait"');
    client.socket.destroy();
    await until(() => model.calls.every((call) => call.signal.aborted));
    await idle();
    expect(model.running).toBe(0);
    expect(gateway.counters()).toMatchObject({
      activeRequests: 0,
      activeGenerations: 0,
      generations: count,
      disconnects: 1,
      serverErrors: 0,
    });
  });

  it('counts as gone when it only ends its side', async () => {
    const { port, model, idle } = await startGateway({ script: hanging });
    const client = new RawClient(port);
    client.send(postRequest(PATH, { ...hello, stream: true }));
    await client.until('"Wait"');
    client.socket.end();
    await idle();
    expect(model.running).toBe(0);
  });

  it('counts as gone when it resets the connection', async () => {
    const { port, model, idle } = await startGateway({ script: hanging });
    const client = new RawClient(port);
    client.send(postRequest(PATH, { ...hello, stream: true }));
    await client.until('"Wait"');
    client.socket.resetAndDestroy();
    await idle();
    expect(model.running).toBe(0);
  });

  it('takes its pipelined requests with it', async () => {
    const { port, model, idle, gateway } = await startGateway({ script: hanging });
    const client = new RawClient(port);
    client.send(postRequest(PATH, { ...hello, stream: true }).repeat(20));
    await until(() => model.running === 20);
    client.socket.destroy();
    await idle();
    expect(model.running).toBe(0);
    expect(gateway.counters().disconnects).toBe(20);
  });

  it('leaves nothing behind in the middle of its body', async () => {
    const { port, gateway, model, idle } = await startGateway();
    const client = new RawClient(port);
    client.send(postRequest(PATH, hello).slice(0, -5));
    await until(() => gateway.counters().bufferedBodyBytes > 0);
    client.socket.destroy();
    await idle();
    expect(gateway.counters()).toMatchObject({ bufferedBodyBytes: 0, disconnects: 1 });
    expect(model.calls).toHaveLength(0);
  });

  it('does not disturb the others', async () => {
    const { port, post, model, idle } = await startGateway();
    model.script = hanging;
    const client = new RawClient(port);
    client.send(postRequest(PATH, { ...hello, stream: true }));
    await client.until('"Wait"');
    model.script = sentence;
    const other = post(PATH, hello);
    client.socket.destroy();
    expect((await other).status).toBe(200);
    await idle();
  });
});
