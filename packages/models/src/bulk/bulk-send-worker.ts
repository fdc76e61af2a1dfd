/** Entry of the thread that sends pieces over direct connections: see `direct-listener.ts`. */
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { errorMessage, systemClock } from '@pippa/core';
import { MODELS_LIMITS } from '@pippa/protocol';
import { lowerPriority } from '../threads/lower-priority.ts';
import { BulkListener, TOKEN_MS, type BulkConnection } from './bulk-listener.ts';
import type { SendOrder, SendReport } from './direct-listener.ts';

interface Sending {
  readonly connection: BulkConnection;
  readonly files: Map<string, number>;
  /** The orders so far. */
  done: Promise<void>;
}

const { host } = workerData as { readonly host: string };
// Peers are told the addresses by whoever asked for the offer.
const listener = new BulkListener({ clock: systemClock, host, addresses: () => [] });
const connections = new Map<number, Sending>();
/** Records are sealed into fresh memory: what is read may be overwritten as soon as it has been handed over. */
const buffer = new Uint8Array(MODELS_LIMITS.chunkBytes);
const tell = (report: SendReport): void => parentPort?.postMessage(report);

async function offer({ number, agreed }: Extract<SendOrder, { kind: 'offer' }>): Promise<void> {
  let isConnected = false;
  try {
    const made = await listener.offer(agreed, (connection) => {
      isConnected = true;
      connections.set(number, { connection, files: new Map(), done: Promise.resolve() });
      tell({ kind: 'connected', number });
    });
    tell({ kind: 'offered', number, offer: made });
    systemClock.schedule(TOKEN_MS, () => {
      if (!isConnected) tell({ kind: 'failed', number, message: 'The peer made no direct connection.' });
    });
  } catch (error) {
    tell({ kind: 'failed', number, message: errorMessage(error) });
  }
}

function send(order: Extract<SendOrder, { kind: 'send' }>): void {
  const { number, bytes } = order;
  const sending = connections.get(number);
  if (sending === undefined) return;
  sending.done = sending.done.then(async () => {
    try {
      await sendRange(sending, order);
      tell({ kind: 'sent', number, bytes });
    } catch (error) {
      close(number);
      tell({ kind: 'failed', number, message: errorMessage(error) });
    }
  });
}

async function sendRange(
  { connection, files }: Sending,
  { path, position, piece, offset, bytes }: Extract<SendOrder, { kind: 'send' }>,
): Promise<void> {
  let file = files.get(path);
  if (file === undefined) {
    file = openSync(path, 'r');
    files.set(path, file);
  }
  for (let done = 0; done < bytes;) {
    const wanted = Math.min(buffer.length, bytes - done);
    const read = readSync(file, buffer, 0, wanted, position + done);
    if (read === 0) throw new RangeError('A file of the model has become shorter while it was read.');
    await connection.write(piece, offset + done, buffer.subarray(0, read));
    done += read;
  }
}

function close(number: number): void {
  const sending = connections.get(number);
  if (sending === undefined) return;
  connections.delete(number);
  sending.connection.close();
  // An order that is under way still reads.
  void sending.done.then(() => {
    for (const file of sending.files.values()) closeSync(file);
  });
}

lowerPriority();
parentPort?.on('message', (order: SendOrder) => {
  switch (order.kind) {
    case 'offer':
      return void offer(order);
    case 'send':
      return send(order);
    case 'close':
    default:
      return close(order.number);
  }
});
