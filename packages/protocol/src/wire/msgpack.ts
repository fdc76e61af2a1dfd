import { Packr } from 'msgpackr';
import { checkMsgpack } from './check-msgpack.ts';
import { FrameError } from './errors.ts';
import type { FrameLimits } from './limits.ts';

// Without records every message is plain msgpack that stands for itself. Integers over 32 bits travel as doubles, so none becomes a BigInt.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

/** Plain values, arrays, objects and `Uint8Array`s. Typed arrays of other kinds belong into a frame's payload. */
export function encodeMessage(message: unknown): Uint8Array {
  return packr.pack(message);
}

/** What `encodeMessage` made, or anything a peer sent instead: throws `FrameError` for what it may not be. */
export function decodeMessage(bytes: Uint8Array, limits: FrameLimits): unknown {
  checkMsgpack(bytes, limits);
  try {
    return packr.unpack(bytes) as unknown;
  } catch (error) {
    throw new FrameError('A header is not msgpack.', { cause: error });
  }
}
