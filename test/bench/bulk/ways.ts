/** Ways to move bytes from one process to another. Each side of each way is a function; both agree on `CHUNK_BYTES` and a total. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { peerId, systemClock, type FrameStream, type Mesh } from '@pippa/core';
import { BulkListener, type BulkConnection } from '../../../packages/models/src/bulk/bulk-listener.ts';
import { connectBulk } from '../../../packages/models/src/bulk/connect-bulk.ts';

export const CHUNK_BYTES = 262_144;
export const LIBP2P_WAY = '/bench/bulk/1';
const HOST = '127.0.0.1';
const FILE_READ_BYTES = 2 ** 20;

/** What a sender tells a receiver, as JSON. */
export type Meeting =
  | { readonly kind: 'port'; readonly port: number }
  | {
      readonly kind: 'direct';
      readonly ports: readonly { readonly port: number; readonly token: string; readonly secret: string }[];
    };

const memory = Buffer.alloc(16 * CHUNK_BYTES, 'weights ');
const chunkAt = (sent: number): Uint8Array => memory.subarray(sent % memory.length, (sent % memory.length) + CHUNK_BYTES);

const agreed = { opener: peerId('receiver'), server: peerId('sender'), openerSecret: new Uint8Array(32) };

async function pump(totalBytes: number, write: (chunk: Uint8Array) => Promise<void> | void): Promise<void> {
  for (let sent = 0; sent < totalBytes; sent += CHUNK_BYTES) await write(chunkAt(sent));
}

function pumpSocket(socket: Socket, totalBytes: number): Promise<void> {
  socket.on('error', () => {});
  return pump(totalBytes, (chunk) =>
    socket.write(chunk) ? undefined : new Promise<void>((resolve) => void socket.once('drain', resolve)),
  );
}

/** What a copy over the network costs at least: a file read into a buffer and written to a socket. */
export function serveFile(path: string): Promise<Meeting> {
  const server = createServer({ highWaterMark: FILE_READ_BYTES }, (socket) => {
    socket.on('error', () => {});
    const file = openSync(path, 'r');
    const send = async (): Promise<void> => {
      // Two, in turns: what was written may still be under way.
      const buffers = [Buffer.alloc(FILE_READ_BYTES), Buffer.alloc(FILE_READ_BYTES)];
      for (let turn = 0; ; turn += 1) {
        const buffer = buffers[turn % 2] ?? Buffer.alloc(0);
        const read = readSync(file, buffer, 0, FILE_READ_BYTES, null);
        if (read === 0) break;
        await new Promise<void>((resolve) => void socket.write(buffer.subarray(0, read), () => resolve()));
      }
      socket.end();
    };
    void send().finally(() => closeSync(file));
  });
  return new Promise((resolve) => {
    server.listen(0, HOST, () => resolve({ kind: 'port', port: (server.address() as AddressInfo).port }));
  });
}

/** The other side of it: each read of the socket is written to a file. Settles with the bytes. */
export function receiveFile(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const file = openSync(path, 'w');
    let got = 0;
    const took = (bytes: number, buffer: Uint8Array): boolean => {
      for (let done = 0; done < bytes;) done += writeSync(file, buffer, done, bytes - done);
      got += bytes;
      return true;
    };
    const socket = connect({ host: HOST, port, onread: { buffer: new Uint8Array(FILE_READ_BYTES), callback: took } });
    socket.on('error', reject);
    socket.on('close', () => {
      closeSync(file);
      resolve(got);
    });
  });
}

/** Bare TCP, or TLS with a key that both know: AES-128-GCM as OpenSSL does it. */
export function serveSockets(kind: 'tcp' | 'tls', totalBytes: number): Promise<Meeting> {
  const take = (socket: Socket): void => void pumpSocket(socket, totalBytes);
  const options = { highWaterMark: 2 ** 20 };
  const server =
    kind === 'tcp'
      ? createServer(options, take)
      : createTlsServer({ ...options, ...PRE_SHARED, pskCallback: () => PRE_SHARED_KEY } as object, take);
  return new Promise((resolve) => {
    server.listen(0, HOST, () => resolve({ kind: 'port', port: (server.address() as AddressInfo).port }));
  });
}

const PRE_SHARED = { ciphers: 'PSK-AES128-GCM-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
const PRE_SHARED_KEY = Buffer.alloc(16, 9);

/** `readBytes` 0: as Node reads by itself, 64 KiB into a fresh buffer each time. */
export function receiveSocket(kind: 'tcp' | 'tls', port: number, totalBytes: number, readBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let got = 0;
    const took = (bytes: number): boolean => {
      got += bytes;
      if (got >= totalBytes) {
        socket.destroy();
        resolve();
      }
      return true;
    };
    const onread = readBytes === 0 ? {} : { onread: { buffer: new Uint8Array(readBytes), callback: took } };
    const options = { host: HOST, port, highWaterMark: 2 ** 20 };
    const socket: Socket =
      kind === 'tcp'
        ? connect({ ...options, ...onread })
        : connectTls({
            ...options,
            ...PRE_SHARED,
            checkServerIdentity: () => undefined,
            pskCallback: () => ({ psk: PRE_SHARED_KEY, identity: 'bench' }),
          });
    socket.on('error', reject);
    if (readBytes === 0 || kind === 'tls') socket.on('data', (chunk: Buffer) => took(chunk.length));
  });
}

/** The product's own direct connection, as many as asked for; here all on one thread. */
export async function serveDirect(connections: number, totalBytes: number): Promise<Meeting> {
  const ports: { port: number; token: string; secret: string }[] = [];
  const listener = new BulkListener({ clock: systemClock, host: HOST, addresses: () => [HOST] });
  for (let index = 0; index < connections; index += 1) {
    const { port, token, secret } = await listener.offer(
      agreed,
      (connection) => void pumpDirect(connection, totalBytes / connections),
    );
    ports.push({ port, token: Buffer.from(token).toString('hex'), secret: Buffer.from(secret).toString('hex') });
  }
  return { kind: 'direct', ports };
}

async function pumpDirect(connection: BulkConnection, totalBytes: number): Promise<void> {
  let sent = 0;
  await pump(totalBytes, (chunk) => {
    sent += chunk.length;
    return connection.write(0, sent, chunk);
  }).catch(() => {});
}

export async function receiveDirect(meeting: Meeting & { kind: 'direct' }, totalBytes: number): Promise<void> {
  await Promise.all(
    meeting.ports.map(
      ({ port, token, secret }) =>
        new Promise<void>((resolve, reject) => {
          let got = 0;
          const connecting = connectBulk({
            agreement: { ...agreed, serverSecret: Buffer.from(secret, 'hex'), token: Buffer.from(token, 'hex') },
            port,
            addresses: [HOST],
            clock: systemClock,
            events: {
              onRecord: (_piece, _offset, payload) => {
                got += payload.length;
                if (got < totalBytes / meeting.ports.length) return;
                void connecting.then((receiver) => receiver?.close());
                resolve();
              },
              onEnd: reject,
            },
          });
          connecting.then((receiver) => receiver ?? reject(new Error('no connection')), reject);
        }),
    ),
  );
}

/** Streams of the mesh: the receiver opens them and says how much it wants. */
export function serveStreams(mesh: Mesh): void {
  mesh.handle(LIBP2P_WAY, (stream) => {
    stream.onFrame(({ header }) => {
      void pump(Number(header), (chunk) => stream.send(0, chunk)).catch(() => {});
    });
  });
}

export async function receiveStreams(mesh: Mesh, streams: number, totalBytes: number): Promise<void> {
  const sender = mesh.peers().find((peer) => peer.state === 'alive');
  if (sender === undefined) throw new Error('There is no sender.');
  await Promise.all(
    Array.from({ length: streams }, async () => {
      const stream: FrameStream = await mesh.open(sender.id, LIBP2P_WAY);
      let got = 0;
      const done = new Promise<void>((resolve, reject) => {
        stream.onFrame(({ payload }) => {
          got += payload.length;
          if (got >= totalBytes / streams) resolve();
        });
        void stream.closed.then((error) => reject(error ?? new Error('The stream ended early.')));
      });
      await stream.send(totalBytes / streams);
      await done;
      await stream.close();
    }),
  );
}
