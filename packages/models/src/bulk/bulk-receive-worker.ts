/** Entry of the threads that take in direct connections: see `bulk-receivers.ts`. */
import { parentPort } from 'node:worker_threads';
import { systemClock } from '@pippa/core';
import { ProtocolError } from '@pippa/protocol';
import { lowerPriority } from '../threads/lower-priority.ts';
import { connectBulk, type BulkReceiver } from './connect-bulk.ts';
import type { ReceiveOrder, ReceiveReport } from './bulk-receivers.ts';
import { PieceReceiver } from './piece-receiver.ts';

/** Bytes are told of when there are so many, or after so long: what silence and rates are seen by. */
const TELL_BYTES = 4 * 1024 * 1024;
const TELL_MS = 250;

interface Connection {
  isPaused: boolean;
  isClosed: boolean;
  receiver?: BulkReceiver;
  readonly pieces: PieceReceiver;
}

const connections = new Map<number, Connection>();
const tell = (report: ReceiveReport): void => parentPort?.postMessage(report);

async function open({ number, agreement, port, addresses, target }: Extract<ReceiveOrder, { kind: 'connect' }>): Promise<void> {
  const pieces = new PieceReceiver(target, (piece, outcome) => tell({ kind: 'piece', number, piece, outcome }));
  const connection: Connection = { isPaused: false, isClosed: false, pieces };
  connections.set(number, connection);
  let untold = 0;
  let toldMs = performance.now();
  const receiver = await connectBulk({
    agreement,
    port,
    addresses,
    clock: systemClock,
    events: {
      onRecord(piece, offset, payload) {
        untold += payload.length;
        pieces.take(piece, offset, payload);
        if (untold < TELL_BYTES && performance.now() - toldMs < TELL_MS) return;
        tell({ kind: 'bytes', number, bytes: untold });
        untold = 0;
        toldMs = performance.now();
      },
      onEnd(reason, breach) {
        close(number);
        tell({ kind: 'ended', number, message: reason.message, isBreach: breach || reason instanceof ProtocolError });
      },
    },
  });
  if (receiver === undefined || connection.isClosed) {
    receiver?.close();
    close(number);
    return tell({ kind: 'failed', number });
  }
  connection.receiver = receiver;
  if (connection.isPaused) receiver.pause();
  tell({ kind: 'connected', number });
}

function close(number: number): void {
  const connection = connections.get(number);
  if (connection === undefined) return;
  connection.isClosed = true;
  connections.delete(number);
  connection.receiver?.close();
  connection.pieces.close();
}

function pause(number: number, isPaused: boolean): void {
  const connection = connections.get(number);
  if (connection === undefined) return;
  connection.isPaused = isPaused;
  if (isPaused) connection.receiver?.pause();
  else connection.receiver?.resume();
}

lowerPriority();
parentPort?.on('message', (order: ReceiveOrder) => {
  switch (order.kind) {
    case 'connect':
      return void open(order);
    case 'close':
      return close(order.number);
    case 'pause':
    default:
      return pause(order.number, order.isPaused);
  }
});
