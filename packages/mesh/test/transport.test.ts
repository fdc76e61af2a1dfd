import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connected, TestNodes } from './support/nodes.ts';

/** A port that somebody listens on until the end. */
async function takenPort(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('unreachable');
  return { port: address.port, [Symbol.asyncDispose]: async () => void server.close() };
}

describe('the transport', () => {
  it('takes another port when the usual one is taken by the time it listens, and all goes on over that one', async () => {
    await using taken = await takenPort();
    await using nodes = new TestNodes();
    const near = await nodes.start('near', { listen: { hosts: ['127.0.0.1'], port: taken.port, orAnyPort: true } });
    const far = await nodes.start('far');
    await connected(near, far);
    expect(near.problems).toEqual([]);
  });

  it('tells of a port that was asked for and is taken', async () => {
    await using taken = await takenPort();
    await using nodes = new TestNodes();
    const node = await nodes.start('near', { listen: { hosts: ['127.0.0.1'], port: taken.port } });
    expect(node.addresses).toEqual([]);
    expect(node.problems).toMatchObject([{ code: 'port_taken', hint: expect.stringContaining('--mesh-port') }]);
  });

  it('tells of a lost peer by its name', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near');
    const far = await nodes.start('far');
    await connected(near, far);
    far.handle('test/lost', () => {});
    const stream = await near.open(far.self, 'test/lost');
    await nodes.crash(far);
    expect((await stream.closed)?.message).toContain('to far broke');
    await expect(near.request(far.self, 'test/lost', {})).rejects.toThrow(/^far /);
  });

  it('sends nothing back for small messages that nobody answers', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near');
    const far = await nodes.start('far');
    await connected(near, far);
    const messages = 2_000;
    const arrived = new Promise<void>((resolve) => {
      let count = 0;
      far.handle('test/many', (stream) =>
        stream.onFrame(() => {
          if (++count === messages) resolve();
        }),
      );
    });
    const stream = await near.open(far.self, 'test/many');
    const before = far.traffic.sentBytes;
    for (let i = 0; i < messages; i++) await stream.send(i);
    await arrived;
    // Room that is told of after every message takes 30 bytes each time.
    expect(far.traffic.sentBytes - before).toBeLessThan(messages * 3);
  });

  it('goes on when the window was used up', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near');
    const far = await nodes.start('far');
    await connected(near, far);
    const chunk = new Uint8Array(1024 * 1024);
    const chunks = 40;
    const arrived = new Promise<void>((resolve) => {
      let count = 0;
      far.handle('test/bulk', (stream) =>
        stream.onFrame(() => {
          // A consumer that rests now and then.
          stream.pause();
          queueMicrotask(() => stream.resume());
          if (++count === chunks) resolve();
        }),
      );
    });
    const stream = await near.open(far.self, 'test/bulk');
    for (let i = 0; i < chunks; i++) await stream.send(i, chunk);
    await arrived;
  });
});
