import {
  InvalidInputError,
  PeerRefusedError,
  PeerUnreachableError,
  peerId,
  StreamLostError,
  type Frame,
  type FrameStream,
  type Mesh,
} from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** Two nodes that know each other. */
export interface MeshPair {
  readonly near: Mesh;
  readonly far: Mesh;
  /** Breaks `far` as a killed process does: no goodbye. */
  lose(): Promise<void>;
  close(): Promise<void>;
}

/** More than any implementation takes in for a consumer that doesn't take it. */
const FLOOD_BYTES = 64 * 1024 * 1024;
const FLOOD_FRAME_BYTES = 1024 * 1024;

/** What every `Mesh` does, run on each implementation. */
export function meshCompliance(name: string, connect: () => Promise<MeshPair>): void {
  describe(`${name} as a Mesh`, () => {
    let pair: MeshPair;
    beforeEach(async () => {
      pair = await connect();
    });
    afterEach(async () => pair.close());

    it('knows the other node with its card, and not itself', () => {
      expect(pair.near.peers().map(({ id }) => id)).toEqual([pair.far.self]);
      expect(pair.near.peer(pair.far.self)?.state).toBe('alive');
      expect(pair.near.peer(pair.far.self)?.card?.name).toBe(pair.far.card.name);
      expect(pair.near.peer(pair.near.self)).toBeUndefined();
    });

    it('hears of a changed card under a higher version', async () => {
      const before = pair.near.peer(pair.far.self)?.card?.version ?? 0;
      const heard = new Promise<number>((resolve) => {
        pair.near.onPeersChanged(({ card }) => {
          if (card?.load === 0.75) resolve(card.version);
        });
      });
      pair.far.updateCard({ load: 0.75 });
      expect(pair.far.card.load).toBe(0.75);
      expect(await heard).toBeGreaterThan(before);
    });

    it('carries frames both ways, in order, as they were', async () => {
      const { near, far } = await openPair(pair, 'test/both-ways');
      const atFar = collect(far, 3);
      const atNear = collect(near, 1);
      await near.send({ number: 1, text: 'é', list: [1.5, null, true] });
      await near.send(['an', 'array'], new Uint8Array([1, 2, 3]));
      await near.send(7, new Uint8Array(100_000).fill(9));
      await far.send({ back: true });
      const [first, second, third] = await atFar;
      expect(first?.header).toEqual({ number: 1, text: 'é', list: [1.5, null, true] });
      expect(first?.payload).toHaveLength(0);
      expect(second?.header).toEqual(['an', 'array']);
      expect([...(second?.payload ?? [])]).toEqual([1, 2, 3]);
      expect(third?.payload).toHaveLength(100_000);
      expect((await atNear)[0]?.header).toEqual({ back: true });
      expect(far.peer).toBe(pair.near.self);
      expect(far.protocol).toBe('test/both-ways');
    });

    it('hands over payloads that typed arrays can be laid over, and that are the receiver’s own', async () => {
      const { near, far } = await openPair(pair, 'test/payload');
      const received = collect(far, 1);
      const floats = new Float64Array([1, 2, 3]);
      await near.send('odd', new Uint8Array(floats.buffer));
      floats.fill(0);
      const payload = (await received)[0]?.payload ?? new Uint8Array();
      expect(payload.byteOffset % 8).toBe(0);
      expect([...new Float64Array(payload.buffer, payload.byteOffset, 3)]).toEqual([1, 2, 3]);
      expect(payload.slice().buffer.byteLength).toBe(24);
    });

    it('keeps frames for a consumer that comes later', async () => {
      const { near, far } = await openPair(pair, 'test/late');
      await near.send(1);
      await near.send(2);
      const frames = await collect(far, 2);
      expect(frames.map(({ header }) => header)).toEqual([1, 2]);
    });

    it('stops the sender when the receiver pauses, and loses nothing', async () => {
      const { near, far } = await openPair(pair, 'test/pause');
      far.pause();
      const received: unknown[] = [];
      far.onFrame(({ header }) => received.push(header));
      const count = FLOOD_BYTES / FLOOD_FRAME_BYTES;
      let sent = 0;
      const flood = (async () => {
        for (let i = 0; i < count; i++) {
          await near.send(i, new Uint8Array(FLOOD_FRAME_BYTES));
          sent++;
        }
      })();
      // The sender is done, or stands still over two looks: whichever it is, nothing moves any more.
      await settled(() => sent);
      expect(sent).toBeLessThan(count);
      expect(received).toEqual([]);
      const all = new Promise<void>((resolve) => {
        far.onFrame(({ header }) => {
          received.push(header);
          if (received.length === count) resolve();
        });
      });
      far.resume();
      await Promise.all([flood, all]);
      expect(received).toEqual(Array.from({ length: count }, (_, i) => i));
    });

    it('lets a consumer pause between two frames', async () => {
      const { near, far } = await openPair(pair, 'test/pause-within');
      const received: unknown[] = [];
      let next: (() => void) | undefined;
      far.onFrame(({ header }) => {
        received.push(header);
        far.pause();
        next?.();
      });
      for (let i = 0; i < 5; i++) void near.send(i).catch(() => {});
      for (let i = 1; i <= 5; i++) {
        if (received.length < i)
          await new Promise<void>((resolve) => {
            next = resolve;
          });
        expect(received).toHaveLength(i);
        next = undefined;
        far.resume();
      }
      expect(received.length).toBeLessThanOrEqual(5);
    });

    it('tells a goodbye, after everything that was sent before it', async () => {
      const { near, far } = await openPair(pair, 'test/goodbye');
      const received: unknown[] = [];
      far.onFrame(({ header }) => received.push(header));
      await near.send('last');
      await near.close();
      expect(await far.closed).toBeUndefined();
      expect(await near.closed).toBeUndefined();
      expect(received).toEqual(['last']);
      await expect(near.send('more')).rejects.toBeInstanceOf(StreamLostError);
      await expect(far.send('more')).rejects.toBeInstanceOf(StreamLostError);
      await near.close();
    });

    it('tells why a stream was aborted', async () => {
      const { near, far } = await openPair(pair, 'test/abort');
      far.onFrame(() => {});
      near.abort(new InvalidInputError('The step does not fit.', { hint: 'Send less.' }));
      expect((await near.closed)?.code).toBe('invalid_input');
      const seen = await far.closed;
      expect(seen?.code).toBe('invalid_input');
      expect(seen?.message).toBe('The step does not fit.');
      await expect(far.send(1)).rejects.toBeInstanceOf(StreamLostError);
    });

    it('tells a loss from a goodbye', async () => {
      const { near } = await openPair(pair, 'test/loss');
      const waiting = pair.near.request(pair.far.self, 'test/never', 1);
      waiting.catch(() => {});
      await pair.lose();
      expect(await near.closed).toBeInstanceOf(StreamLostError);
      await expect(near.send(1)).rejects.toBeInstanceOf(StreamLostError);
      await untilState(pair.near, 'dead');
      await expect(pair.near.open(pair.far.self, 'test/loss')).rejects.toBeInstanceOf(PeerUnreachableError);
      await expect(pair.near.request(pair.far.self, 'test/loss', 1)).rejects.toBeInstanceOf(PeerUnreachableError);
    });

    it('loses a question whose answerer dies', async () => {
      const asked = Promise.withResolvers<void>();
      pair.far.answer('test/never', async () => {
        asked.resolve();
        return new Promise(() => {});
      });
      const answer = pair.near.request(pair.far.self, 'test/never', 1);
      answer.catch(() => {});
      await asked.promise;
      await pair.lose();
      await expect(answer).rejects.toBeInstanceOf(StreamLostError);
    });

    it('refuses unknown peers and protocols, and handlers that were taken back', async () => {
      const { near, far } = pair;
      await expect(near.open(far.self, 'test/unknown')).rejects.toBeInstanceOf(PeerUnreachableError);
      await expect(near.request(far.self, 'test/unknown', 1)).rejects.toBeInstanceOf(PeerUnreachableError);
      await expect(near.open(peerId('12D3KooWNobody'), 'test/unknown')).rejects.toBeInstanceOf(PeerUnreachableError);
      const stop = far.handle('test/taken-back', () => {});
      await near.open(far.self, 'test/taken-back');
      stop();
      await expect(near.open(far.self, 'test/taken-back')).rejects.toBeInstanceOf(PeerUnreachableError);
    });

    it('answers questions, and passes on errors with code and hint', async () => {
      const { near, far } = pair;
      far.answer('test/double', async (question, from) => {
        if (typeof question !== 'number') throw new InvalidInputError('Not a number.', { hint: 'Ask with one.' });
        if (question < 0) throw new TypeError('a mistake');
        return { doubled: question * 2, from };
      });
      expect(await near.request(far.self, 'test/double', 21)).toEqual({ doubled: 42, from: near.self });
      const refused = await near.request(far.self, 'test/double', 'x').catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(PeerRefusedError);
      expect(refused).toMatchObject({ code: 'invalid_input', message: 'Not a number.', hint: 'Ask with one.' });
      await expect(near.request(far.self, 'test/double', -1)).rejects.toBeInstanceOf(PeerRefusedError);
    });

    it('gives up a question with the signal’s reason, and tells who is answering it', async () => {
      const { near, far } = pair;
      const gaveUp = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      far.answer('test/slow', async (_question, _from, signal) => {
        signal.addEventListener('abort', () => gaveUp.resolve());
        asked.resolve();
        return new Promise(() => {});
      });
      const controller = new AbortController();
      const answer = near.request(far.self, 'test/slow', 1, { signal: controller.signal });
      answer.catch(() => {});
      await asked.promise;
      const reason = new InvalidInputError('changed my mind');
      controller.abort(reason);
      await expect(answer).rejects.toBe(reason);
      await gaveUp.promise;
      await expect(near.open(far.self, 'test/slow', { signal: controller.signal })).rejects.toBe(reason);
    });

    it('reaches itself', async () => {
      const { near } = pair;
      near.answer('test/self', async (question, from) => [question, from]);
      expect(await near.request(near.self, 'test/self', 'hello')).toEqual(['hello', near.self]);
      const far = Promise.withResolvers<FrameStream>();
      near.handle('test/self-stream', far.resolve);
      const stream = await near.open(near.self, 'test/self-stream');
      const other = await far.promise;
      const received = collect(other, 2);
      await stream.send({ a: 1 }, new Uint8Array([1]));
      await stream.send({ a: 2 });
      expect((await received).map(({ header }) => header)).toEqual([{ a: 1 }, { a: 2 }]);
      await other.close();
      expect(await stream.closed).toBeUndefined();
    });
  });
}

async function openPair({ near, far }: MeshPair, protocol: string): Promise<{ near: FrameStream; far: FrameStream }> {
  const taken = Promise.withResolvers<FrameStream>();
  far.handle(protocol, taken.resolve);
  const opened = await near.open(far.self, protocol);
  return { near: opened, far: await taken.promise };
}

async function collect(stream: FrameStream, count: number): Promise<readonly Frame[]> {
  const frames: Frame[] = [];
  return new Promise((resolve) => {
    stream.onFrame((frame) => {
      frames.push(frame);
      if (frames.length === count) resolve(frames);
    });
  });
}

/** Waits until `value` has stayed the same for many turns of the event loop. */
async function settled(value: () => number): Promise<void> {
  let last = value();
  let quiet = 0;
  while (quiet < 200) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 1);
    });
    quiet = value() === last ? quiet + 1 : 0;
    last = value();
  }
}

async function untilState(mesh: Mesh, state: string): Promise<void> {
  if (mesh.peers().every((peer) => peer.state === state)) return;
  await new Promise<void>((resolve) => {
    mesh.onPeersChanged((peer) => {
      if (peer.state === state) resolve();
    });
  });
}
