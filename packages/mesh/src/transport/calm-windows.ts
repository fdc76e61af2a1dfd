import type { Stream } from '@libp2p/interface';

/** Private parts of @chainsafe/libp2p-yamux 8.0.1, which is pinned for them; without them things work as they come, only with more packets. */
interface YamuxStreamParts {
  state?: number;
  recvWindow?: number;
  recvWindowCapacity?: number;
  sendWindowUpdate?: () => void;
}

/** `StreamState` of yamux: nothing is left to be said of the stream's beginning. */
const ESTABLISHED = 3;

/**
 * yamux tells the sender of room after every message, however small: a packet with its acknowledgement, and an encryption, for each
 * heartbeat and each token. It is enough to tell when half of the window is used.
 */
export function calmWindows(stream: Stream): void {
  const inner = stream as unknown as YamuxStreamParts;
  const { sendWindowUpdate } = inner;
  if (typeof sendWindowUpdate !== 'function') return;
  inner.sendWindowUpdate = () => {
    const { state, recvWindow, recvWindowCapacity } = inner;
    const hasRoom = recvWindow !== undefined && recvWindowCapacity !== undefined && recvWindowCapacity > recvWindow / 2;
    if (state === ESTABLISHED && hasRoom) return;
    sendWindowUpdate.call(stream);
  };
}
