import { connect } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DirectReceiver } from '@pippa/core';
import { SlowWay } from '@pippa/testing/slow-way';
import { connectDirect, openDirect, type DirectSender } from '../src/index.ts';

const TIMEOUT_MS = 5000;

async function open(
  maxFrameBytes = 1_000_000,
): Promise<{ receiver: DirectReceiver; frames: AsyncGenerator<Uint8Array, undefined> }> {
  const waiting: Uint8Array[] = [];
  let wake = Promise.withResolvers<void>();
  const receiver = await openDirect({
    maxFrameBytes,
    onFrame(frame) {
      waiting.push(frame);
      wake.resolve();
    },
  });
  onTestFinished(() => receiver.close());
  async function* take(): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const frame = waiting.shift();
      if (frame === undefined) await wake.promise;
      else yield frame;
      if (waiting.length === 0) wake = Promise.withResolvers();
    }
  }
  return { receiver, frames: take() };
}

async function connected(receiver: DirectReceiver): Promise<DirectSender> {
  const sender = await connectDirect(receiver.offer, TIMEOUT_MS);
  if (sender === undefined) throw new Error('not connected');
  onTestFinished(() => sender.close());
  return sender;
}

describe('a direct connection', () => {
  it('carries frames of any size in order, each where typed arrays can be laid over it', async () => {
    const { receiver, frames } = await open();
    const sender = await connected(receiver);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 6 }), async (lengths) => {
        for (const [index, length] of lengths.entries()) sender.send(new Uint8Array(length).fill(index + 1));
        for (const [index, length] of lengths.entries()) {
          const { value } = await frames.next();
          expect(value).toHaveLength(length);
          expect(value?.[length - 1]).toBe(index + 1);
          expect(value?.byteOffset).toBe(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is not to be had without the key, and the peer it is for still gets it', async () => {
    const { receiver, frames } = await open();
    const { offer } = receiver;
    expect(await connectDirect({ ...offer, key: new Uint8Array(32) }, TIMEOUT_MS)).toBeUndefined();
    expect(await connectDirect({ ...offer, identity: '00' }, TIMEOUT_MS)).toBeUndefined();
    const plain = connect({ host: '127.0.0.1', port: offer.port });
    plain.on('error', () => {});
    plain.write('GET / HTTP/1.1\r\n\r\n');
    plain.resume();
    await once(plain, 'close');
    const certified = connectTls({ host: '127.0.0.1', port: offer.port, rejectUnauthorized: false });
    const [refusal] = await once(certified, 'error');
    expect(String(refusal)).toMatch(/handshake|cipher|psk|alert/i);
    (await connected(receiver)).send(Uint8Array.of(7));
    expect((await frames.next()).value).toEqual(Uint8Array.of(7));
  });

  it('takes one peer alone: whoever comes with the key later finds the door shut', async () => {
    const { receiver, frames } = await open();
    (await connected(receiver)).send(Uint8Array.of(1));
    await frames.next();
    expect(await connectDirect(receiver.offer, TIMEOUT_MS)).toBeUndefined();
  });

  it('is not kept with a peer that was still proving the key when the door was shut', async () => {
    const { receiver } = await open();
    const gate = await SlowWay.to(receiver.offer.port);
    onTestFinished(() => gate.close());
    const connecting = connectDirect(gate.instead(receiver.offer), TIMEOUT_MS);
    await gate.entered;
    receiver.close();
    gate.open();
    const sender = await connecting;
    // Whichever of the two sees it first.
    if (sender !== undefined) expect(await sender.closed).toMatchObject({ code: 'stream_lost' });
  });

  it('tells the other side when it ends, and why it ended here', async () => {
    const { receiver, frames } = await open();
    const sender = await connected(receiver);
    sender.send(Uint8Array.of(1));
    await frames.next();
    receiver.close();
    expect(await receiver.closed).toBeUndefined();
    expect((await sender.closed)?.code).toBe('stream_lost');

    const other = await open();
    const leaving = await connected(other.receiver);
    leaving.send(Uint8Array.of(2));
    leaving.close();
    expect((await other.frames.next()).value).toEqual(Uint8Array.of(2));
    expect((await other.receiver.closed)?.code).toBe('stream_lost');
    expect(await leaving.closed).toBeUndefined();
  });

  it('ends with a reason over a frame that is larger than agreed, before it is taken in', async () => {
    const { receiver } = await open(1000);
    const sender = await connected(receiver);
    sender.send(new Uint8Array(1001));
    expect((await receiver.closed)?.code).toBe('bad_direct_frame');
    expect((await sender.closed)?.code).toBe('stream_lost');
  });

  it('is given up when no address leads to the peer', async () => {
    const { receiver } = await open();
    const { offer } = receiver;
    receiver.close();
    await receiver.closed;
    expect(await connectDirect(offer, TIMEOUT_MS)).toBeUndefined();
  });
});
