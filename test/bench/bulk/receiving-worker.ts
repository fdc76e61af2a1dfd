/** One thread of a receiver with several: takes in one direct connection. */
import { parentPort, workerData } from 'node:worker_threads';
import { receiveDirect, type Meeting } from './ways.ts';

const { meeting, totalBytes } = workerData as { readonly meeting: Meeting & { kind: 'direct' }; readonly totalBytes: number };
parentPort?.once('message', () => {
  void receiveDirect(meeting, totalBytes).then(() => parentPort?.postMessage('done'));
});
parentPort?.postMessage('ready');
