/**
 * The relay of `delayed-link.ts` in a thread of its own: hands each packet of one TUN interface to the other after the delay, in order.
 * Timers of the event loop are too coarse for a millisecond and a half.
 */
import { parentPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';

export interface RelayData {
  /** The interfaces to make; each belongs to this thread's network until it is moved. */
  readonly interfaces: readonly [string, string];
  readonly delayMs: number;
}

const { interfaces, delayMs } = workerData as RelayData;
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
  readonly to: number;
  readonly dueMs: number;
}
const underWay: Packet[] = [];
const polled = Buffer.alloc(16);
for (const [index, file] of files.entries()) {
  polled.writeInt32LE(file, index * 8);
  polled.writeInt16LE(POLLIN, index * 8 + 4);
}
const timeout = Buffer.alloc(16);
const incoming = Buffer.alloc(LARGEST_PACKET);
for (;;) {
  const waitMs = underWay[0] === undefined ? 100 : Math.max(0, underWay[0].dueMs - performance.now());
  timeout.writeBigInt64LE(BigInt(Math.floor(waitMs / 1000)), 0);
  timeout.writeBigInt64LE(BigInt(Math.floor((waitMs % 1000) * 1e6)), 8);
  ppoll(polled, files.length, timeout, null);
  for (const [index, file] of files.entries()) {
    for (;;) {
      const length = Number(read(file, incoming, LARGEST_PACKET));
      if (length <= 0) break;
      const to = files[1 - index] as number;
      underWay.push({ bytes: Buffer.from(incoming.subarray(0, length)), to, dueMs: performance.now() + delayMs });
    }
  }
  while (underWay[0] !== undefined && underWay[0].dueMs <= performance.now()) {
    const packet = underWay.shift();
    if (packet !== undefined) write(packet.to, packet.bytes, packet.bytes.length);
  }
}
