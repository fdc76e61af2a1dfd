import { parentPort, workerData } from 'node:worker_threads';
import { COPY_CHUNK_BYTES, type CopyBenchData } from './copy-bench-data.ts';

// One thread of the copy bench: copies between two buffers until told to stop, and counts what it copied.
const { bufferBytes, copied, stop } = workerData as CopyBenchData;
const count = new BigInt64Array(copied);
const stopped = new Int32Array(stop);
// Filled, so that every page is there before the clock runs.
const source = new Uint8Array(bufferBytes).fill(1);
const target = new Uint8Array(bufferBytes).fill(2);
parentPort?.postMessage('ready');
for (let at = 0; Atomics.load(stopped, 0) === 0; at = (at + COPY_CHUNK_BYTES) % bufferBytes) {
  target.set(source.subarray(at, at + COPY_CHUNK_BYTES), at);
  Atomics.add(count, 0, BigInt(COPY_CHUNK_BYTES));
}
