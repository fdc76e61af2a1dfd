/**
 * The relay of `faulty-network.ts` in a thread of its own: hands each packet of one TUN interface to the one that it is addressed to, after
 * the link's delay and in order, or loses it. Timers of the event loop are too coarse for a millisecond and a half.
 */
import { parentPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import { LinkConditions } from './link-conditions.ts';

export interface RelayData {
  /** The interfaces to make; each belongs to this thread's network until it is moved. Number n (from 0) has an address that ends in n + 1. */
  readonly interfaces: readonly string[];
  readonly conditions: SharedArrayBuffer;
}

const { interfaces, conditions: shared } = workerData as RelayData;
const conditions = new LinkConditions(interfaces.length, shared);
const libc = koffi.load('libc.so.6');
const open = libc.func('int open(const char *path, int flags)');
const ioctl = libc.func('int ioctl(int file, unsigned long request, void *argument)');
const read = libc.func('intptr_t read(int file, void *buffer, size_t bytes)');
const write = libc.func('intptr_t write(int file, const void *buffer, size_t bytes)');
const ppoll = libc.func('int ppoll(void *files, unsigned long count, void *timeout, void *mask)');

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const TUNSETIFF = 0x400454ca;
/** A TUN interface without a header of its own before each packet. */
const IFF_TUN_NO_PI = 0x1001;
const POLLIN = 1;
const LARGEST_PACKET = 65_536;
/** What a slow link holds; more is lost, as on a real one. */
const MOST_UNDER_WAY = 10_000;
const IPV4 = 4;
const LAST_BYTE_OF_TARGET = 19;

const files = interfaces.map((name) => {
  const file = open('/dev/net/tun', O_RDWR | O_NONBLOCK) as number;
  const request = Buffer.alloc(40);
  request.write(name);
  request.writeUInt16LE(IFF_TUN_NO_PI, 16);
  if (file < 0 || (ioctl(file, TUNSETIFF, request) as number) < 0) throw new Error(`The interface ${name} cannot be made.`);
  return file;
});
parentPort?.postMessage('ready');

interface Packet {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** By sender and receiver, each in order. */
const underWay: Packet[][] = Array.from({ length: files.length ** 2 }, () => []);
const polled = Buffer.alloc(files.length * 8);
for (const [index, file] of files.entries()) {
  polled.writeInt32LE(file, index * 8);
  polled.writeInt16LE(POLLIN, index * 8 + 4);
}
const timeout = Buffer.alloc(16);
const incoming = Buffer.alloc(LARGEST_PACKET);

function take(from: number, packet: Buffer): void {
  // What machines say on their own in IPv6 concerns nobody.
  if ((packet[0] ?? 0) >> 4 !== IPV4) return;
  const to = (packet[LAST_BYTE_OF_TARGET] ?? 0) - 1;
  const queue = to === from ? undefined : underWay[from * files.length + to];
  if (to < 0 || to >= files.length || queue === undefined || queue.length >= MOST_UNDER_WAY) return;
  if (Math.random() < conditions.lostShare(from, to)) return;
  const dueMs = Math.max(performance.now() + conditions.delayMs(from, to), queue.at(-1)?.dueMs ?? 0);
  queue.push({ bytes: Buffer.from(packet), dueMs });
}

for (;;) {
  const nextMs = underWay.reduce((least, [first]) => Math.min(least, first?.dueMs ?? Infinity), Infinity);
  const waitMs = Math.min(100, Math.max(0, nextMs - performance.now()));
  timeout.writeBigInt64LE(BigInt(Math.floor(waitMs / 1000)), 0);
  timeout.writeBigInt64LE(BigInt(Math.floor((waitMs % 1000) * 1e6)), 8);
  ppoll(polled, files.length, timeout, null);
  for (const [from, file] of files.entries()) {
    for (;;) {
      const length = Number(read(file, incoming, LARGEST_PACKET));
      if (length <= 0) break;
      take(from, incoming.subarray(0, length));
    }
  }
  for (const [index, queue] of underWay.entries()) {
    while (queue[0] !== undefined && queue[0].dueMs <= performance.now()) {
      const packet = queue.shift();
      if (packet !== undefined) write(files[index % files.length], packet.bytes, packet.bytes.length);
    }
  }
}
