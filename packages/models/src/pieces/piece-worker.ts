/** Entry of the threads that hash pieces and write them: see `piece-threads.ts`. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { lowerPriority } from '../threads/lower-priority.ts';
import type { PieceJob, PieceOutcome } from './piece-threads.ts';

/** Files stay open between pieces; a node has few models under way. */
const MAX_OPEN_FILES = 64;
const files = new Map<string, number>();
let readBuffer = new Uint8Array(0);

function fileOf(path: string, flags: 'r' | 'r+'): number {
  const key = `${flags} ${path}`;
  const known = files.get(key);
  if (known !== undefined) return known;
  const [oldest] = files;
  if (files.size >= MAX_OPEN_FILES && oldest !== undefined) {
    files.delete(oldest[0]);
    closeSync(oldest[1]);
  }
  const opened = openSync(path, flags);
  files.set(key, opened);
  return opened;
}

function forget(path: string): void {
  for (const flags of ['r', 'r+']) {
    const key = `${flags} ${path}`;
    const file = files.get(key);
    if (file === undefined) continue;
    files.delete(key);
    closeSync(file);
  }
}

function digest(job: Extract<PieceJob, { kind: 'digest' }>): Uint8Array {
  if (readBuffer.length < job.length) readBuffer = new Uint8Array(job.length);
  const file = fileOf(job.path, 'r');
  let filled = 0;
  while (filled < job.length) {
    const bytes = readSync(file, readBuffer, filled, job.length - filled, job.offset + filled);
    if (bytes === 0) throw new RangeError('A file of the model has become shorter while it was read.');
    filled += bytes;
  }
  return new Uint8Array(createHash('sha256').update(readBuffer.subarray(0, filled)).digest());
}

function store(job: Extract<PieceJob, { kind: 'store' }>): boolean {
  const bytes = new Uint8Array(job.buffer, 0, job.length);
  if (!createHash('sha256').update(bytes).digest().equals(job.hash)) return false;
  const file = fileOf(job.path, 'r+');
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, job.offset + done);
  return true;
}

lowerPriority();
parentPort?.on('message', (job: PieceJob) => {
  let outcome: PieceOutcome;
  try {
    if (job.kind === 'forget') return forget(job.path);
    outcome =
      job.kind === 'digest'
        ? { number: job.number, digest: digest(job) }
        : { number: job.number, isRight: store(job), buffer: job.buffer };
  } catch (error) {
    outcome = { number: job.number, error: error instanceof Error ? error : new Error(String(error)) };
  }
  parentPort?.postMessage(outcome, outcome.buffer === undefined ? [] : [outcome.buffer]);
});
