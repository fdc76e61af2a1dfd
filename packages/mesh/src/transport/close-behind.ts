import type { Connection } from '@libp2p/interface';

/** How long what was said last may take to get into the network. */
const CLOSE_MS = 1_000;

/** Ends a connection behind what was said over it, which an abort would overtake. Settles when it is ended. */
export async function closeBehind(connection: Connection, reason: Error): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(CLOSE_MS) });
  } catch {
    connection.abort(reason);
  }
}
