import { z } from 'zod';

/** Bytes of an exact count. Decoded msgpack gives Buffers, which are these. */
export const bytesOf = (count: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === count, `must be ${count} bytes`);
