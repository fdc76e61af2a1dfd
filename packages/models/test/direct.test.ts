import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { peerId, systemClock } from '@pippa/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bulkKey } from '../src/bulk/bulk-keys.ts';
import { BulkListener } from '../src/bulk/bulk-listener.ts';
import { connectBulk } from '../src/bulk/connect-bulk.ts';
import { ASKED, PieceReceiver } from '../src/bulk/piece-receiver.ts';
import { HELLO_PIECE, RecordOpener, RecordSealer } from '../src/bulk/sealed-records.ts';
import { Disk } from './support/disk.ts';
import { House, total } from './support/house.ts';

const agreement = {
  opener: peerId('laptop'),
  server: peerId('studio'),
  openerSecret: new Uint8Array(32).fill(1),
  serverSecret: new Uint8Array(32).fill(2),
  token: new Uint8Array(16).fill(3),
};
const nonce = new Uint8Array(16).fill(4);

describe('the key of a direct connection', () => {
  it('is another for every peer, secret, token and connection', () => {
    const keys = [
      bulkKey(agreement, nonce),
      bulkKey(agreement, new Uint8Array(16)),
      bulkKey({ ...agreement, opener: peerId('other') }, nonce),
      bulkKey({ ...agreement, server: peerId('other') }, nonce),
      bulkKey({ ...agreement, opener: agreement.server, server: agreement.opener }, nonce),
      bulkKey({ ...agreement, openerSecret: new Uint8Array(32) }, nonce),
      bulkKey({ ...agreement, serverSecret: new Uint8Array(32) }, nonce),
      bulkKey({ ...agreement, token: new Uint8Array(16) }, nonce),
    ].map((key) => Buffer.from(key).toString('hex'));
    expect(new Set(keys).size).toBe(keys.length);
    expect(Buffer.from(bulkKey(agreement, nonce)).toString('hex')).toBe(keys[0]);
  });
});

describe('sealed records', () => {
  const key = bulkKey(agreement, nonce);

  it('come out as they went in, however the bytes are cut', () => {
    const record = fc.tuple(fc.nat(1_000_000), fc.nat(4_000_000), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), fc.infiniteStream(fc.integer({ min: 1, max: 97 })), (records, cuts) => {
        const sealer = new RecordSealer(key);
        const wire = Buffer.concat(records.flatMap(([piece, offset, payload]) => [...sealer.seal(piece, offset, payload)]));
        const came: [number, number, Uint8Array][] = [];
        const opener = new RecordOpener(
          key,
          300,
          (piece, offset, payload) => void came.push([piece, offset, new Uint8Array(payload)]),
        );
        for (let at = 0; at < wire.length;) {
          const end = at + (cuts.next().value ?? 1);
          opener.push(wire.subarray(at, end));
          at = end;
        }
        expect(came).toEqual(records);
      }),
    );
  });

  it('refuse every changed bit, another order, a repetition, another key and a length that cannot be', () => {
    const seal = (count: number): Buffer[] => {
      const sealer = new RecordSealer(key);
      return Array.from({ length: count }, (_, index) => Buffer.concat([...sealer.seal(index, 0, new Uint8Array(20).fill(index))]));
    };
    const open = (wire: Uint8Array, openWith = key): void => new RecordOpener(openWith, 64, () => {}).push(wire);
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = seal(2);
    expect(() => open(Buffer.concat([first, second]))).not.toThrow();
    // Of the length's bits those count that leave a length that can be: the tag covers them.
    for (let bit = 32; bit < first.length * 8; bit += 1) {
      const changed = Buffer.from(first);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => open(changed)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
    }
    expect(() => open(Buffer.concat([second, first]))).toThrow('changed on the way');
    expect(() => open(Buffer.concat([first, first]))).toThrow('changed on the way');
    expect(() => open(first, bulkKey(agreement, new Uint8Array(16)))).toThrow('changed on the way');
    expect(() => open(Buffer.from([255, 255, 255, 127]))).toThrow('a length that cannot be');
    expect(() => open(Buffer.from([1, 0, 0, 0]))).toThrow('a length that cannot be');
  });

  it('never use a nonce twice: equal records look different', () => {
    const sealer = new RecordSealer(key);
    const digests = Array.from({ length: 50 }, () =>
      createHash('sha256')
        .update(Buffer.concat([...sealer.seal(1, 2, new Uint8Array(64))]))
        .digest('hex'),
    );
    expect(new Set(digests).size).toBe(50);
  });
});

describe('the listener for direct connections', () => {
  it('tells nothing to those who do not know a token, and takes a token once', async () => {
    const listener = new BulkListener({ clock: systemClock, host: '127.0.0.1' });
    const connected: unknown[] = [];
    const { opener, openerSecret, server } = agreement;
    const offer = await listener.offer({ opener, openerSecret, server }, (connection) => void connected.push(connection));
    expect(offer.addresses.at(-1)).toBe('127.0.0.1');
    const say = async (bytes: Uint8Array): Promise<Socket & { got: number }> => {
      const socket = Object.assign(connect(offer.port, '127.0.0.1'), { got: 0 });
      socket.on('data', (chunk: Buffer) => (socket.got += chunk.length)).on('error', () => {});
      await once(socket, 'connect');
      socket.write(bytes);
      return socket;
    };
    const stranger = await say(new Uint8Array(randomBytes(33)));
    await once(stranger, 'close');
    expect(stranger.got).toBe(0);
    const friend = await say(Buffer.concat([offer.token, nonce]));
    await once(friend, 'data');
    friend.write(new Uint8Array([1]));
    const second = await say(Buffer.concat([offer.token, nonce]));
    await Promise.race([once(second, 'close'), once(second, 'data').then(() => second.write(new Uint8Array([1])))]);
    if (!second.destroyed) await once(second, 'close');
    expect(connected).toHaveLength(1);
    friend.destroy();
    listener.stop();
  });
});

describe('whoever listens at an address in between', () => {
  it.each([
    ['greets with noise', (socket: Socket) => void socket.write(randomBytes(200))],
    ['says nothing and hangs up', (socket: Socket) => void socket.end()],
    [
      'greets with another key',
      (socket: Socket) =>
        void socket.write(Buffer.concat([...new RecordSealer(new Uint8Array(16)).seal(HELLO_PIECE, 0, new Uint8Array(0))])),
    ],
  ])('is left when it %s', async (_what, meddle) => {
    const meddler = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => meddle(socket));
    });
    meddler.listen(0, '127.0.0.1');
    await once(meddler, 'listening');
    const { port } = meddler.address() as AddressInfo;
    const came: unknown[] = [];
    const events = {
      onRecord: (...record: unknown[]) => void came.push(record),
      onEnd: (...end: unknown[]) => void came.push(end),
    };
    const connected = await connectBulk({ agreement, port, addresses: ['127.0.0.1'], clock: systemClock, events });
    expect(connected).toBeUndefined();
    expect(came).toEqual([]);
    meddler.close();
  });
});

describe('the swarm over direct connections', () => {
  /** 27 MB: enough to be worth one. */
  const SHAPE = { layers: 12, embeddingLength: 256, feedForwardLength: 2560 };
  let disk: Disk;
  let house: House;
  beforeEach(async () => {
    disk = await Disk.create();
    house = new House(disk);
  });
  afterEach(async () => {
    await house.stop();
    await disk[Symbol.asyncDispose]();
  });

  /** Slow until the direct connection stands: threads take their time to start. */
  async function pair(direct: { host: string; addresses: () => readonly string[] }, isDirect: boolean) {
    const path = await disk.model('studio/models/big.gguf', 1, SHAPE);
    const laptop = await house.node('laptop', { direct });
    const isConnected = (): boolean => laptop.store.traffic.receivedBytes > total(laptop.received);
    const uploadBytesPerSecond = (): number => (!isDirect || isConnected() ? Infinity : 2_000_000);
    const studio = await house.node('studio', { direct, uploadBytesPerSecond });
    const [card] = studio.store.list();
    if (card === undefined) throw new Error('There is no model.');
    await studio.store.prepare(card.id);
    return { path, laptop, studio, card };
  }

  const LOOPBACK = { host: '127.0.0.1', addresses: () => ['127.0.0.1'] };

  it.each([
    ['brings most of the bytes past the mesh', LOOPBACK, true],
    [
      'tries all addresses until one leads to the peer',
      { host: '127.0.0.1', addresses: () => ['127.0.0.2', '127.0.0.1', '::1'] },
      true,
    ],
    ['falls back to the stream where no address leads to it', { host: '127.0.0.1', addresses: () => ['127.0.0.3'] }, false],
  ])('%s', async (_what, direct, isDirect) => {
    const { path, laptop, studio, card } = await pair(direct, isDirect);
    const { model } = await laptop.store.ensureShard({ id: card.id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(await readFile(path))).toBe(true);
    if (isDirect) expect(total(laptop.received)).toBeLessThan(card.fileBytes);
    else expect(total(laptop.received)).toBe(card.fileBytes);
    expect(laptop.store.traffic.receivedBytes).toBe(card.fileBytes);
    expect(studio.store.traffic.sentBytes).toBe(card.fileBytes);
  });

  it('finds out a copy that was damaged on disk since it was hashed, names its owner, and ends with the right bytes', async () => {
    const { path, laptop, studio, card } = await pair(LOOPBACK, true);
    const good = await readFile(path);
    await disk.model('server/models/big.gguf', 1, SHAPE);
    const server = await house.node('server', { direct: LOOPBACK });
    await server.store.prepare(card.id);
    await laptop.store.header(card.id);
    const damaged = Buffer.from(good);
    damaged[damaged.length - 100] = (damaged[damaged.length - 100] ?? 0) ^ 4;
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 4;
    await writeFile(path, damaged);
    const { model } = await laptop.store.ensureShard({ id: card.id, from: 0, to: 12 });
    expect((await readFile(model.files[0]?.path ?? '')).equals(good)).toBe(true);
    const dropped = laptop.warnings.filter((warning) => warning.startsWith('a peer is dropped'));
    for (const warning of dropped) expect(warning).toContain(`"name":"${studio.name}"`);
  });
});

describe('a thread that takes pieces in', () => {
  const PIECE_BYTES = 1024;
  let disk: Disk;
  beforeEach(async () => {
    disk = await Disk.create();
  });
  afterEach(() => disk[Symbol.asyncDispose]());

  /** A model of two and a half pieces, of which the first two are asked for. */
  async function receiving() {
    const bytes = randomBytes(2.5 * PIECE_BYTES);
    const pieces = [0, 1, 2].map((piece) => bytes.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES));
    const path = disk.path('model.gguf');
    await writeFile(path, Buffer.alloc(bytes.length));
    const hashes = Buffer.concat(pieces.map((piece) => createHash('sha256').update(piece).digest()));
    const asked = new Uint8Array(new SharedArrayBuffer(3));
    asked.set([ASKED.yes, ASKED.yes]);
    const told: unknown[] = [];
    const target = { pieceBytes: PIECE_BYTES, fileBytes: [bytes.length], paths: [path], hashes, asked };
    const receiver = new PieceReceiver(target, (piece, outcome) => void told.push([piece, outcome]));
    const send = (piece: number, from: Uint8Array = pieces[piece] ?? new Uint8Array(0)): void => {
      receiver.take(piece, 0, from.subarray(0, 1000));
      receiver.take(piece, 1000, from.subarray(1000));
    };
    return { bytes, pieces, path, asked, told, target, receiver, send };
  }

  it('writes pieces that are right to their place, and tells of wrong ones without writing', async () => {
    const { bytes, path, told, receiver, send } = await receiving();
    send(1);
    send(0, bytes.subarray(1, PIECE_BYTES + 1));
    receiver.close();
    expect(told).toEqual([
      [1, 'stored'],
      [0, 'wrong'],
    ]);
    const written = await readFile(path);
    expect(written.subarray(PIECE_BYTES, 2 * PIECE_BYTES).equals(bytes.subarray(PIECE_BYTES, 2 * PIECE_BYTES))).toBe(true);
    expect(written.subarray(0, PIECE_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  it('drops what was cancelled, and tells of a disk that takes nothing', async () => {
    const { path, pieces, asked, told, target, receiver, send } = await receiving();
    asked[0] = ASKED.cancelled;
    send(0);
    receiver.close();
    await rm(path);
    const second = new PieceReceiver(target, (piece, outcome) => void told.push([piece, outcome]));
    second.take(1, 0, pieces[1] ?? new Uint8Array(0));
    expect(told).toMatchObject([
      [0, 'dropped'],
      [1, { code: 'ENOENT' }],
    ]);
  });

  it.each<[string, (receiver: PieceReceiver, piece: Uint8Array) => void]>([
    ['nobody asked for', (receiver, piece) => receiver.take(2, 0, piece.subarray(0, 512))],
    ['nobody asked for', (receiver, piece) => receiver.take(3, 0, piece)],
    ['nobody asked for', (receiver, piece) => [1, 2].forEach(() => receiver.take(0, 0, piece))],
    ['do not follow', (receiver, piece) => receiver.take(0, 1, piece.subarray(1))],
    ['do not follow', (receiver, piece) => [0, 1].forEach((each) => receiver.take(each, 0, piece.subarray(0, 512)))],
    ['do not follow', (receiver, piece) => receiver.take(0, 0, Buffer.concat([piece, piece]))],
    ['do not follow', (receiver) => receiver.take(0, 0, new Uint8Array(0))],
  ])('refuses bytes that %s (%#)', async (why, meddle) => {
    const { receiver, pieces } = await receiving();
    expect(() => meddle(receiver, pieces[0] ?? new Uint8Array(0))).toThrow(why);
    receiver.close();
  });
});
