import { FrameError, FrameTooLargeError } from './errors.ts';
import type { FrameLimits } from './limits.ts';

/** Bytes of a value that follow its first byte, for the fixed-size kinds `0xc0 .. 0xd8`; -1 for those that need a closer look. */
const FIXED_SIZES = [0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, -1, -1, -1, -1, -1];

/**
 * Walks msgpack bytes without making anything of them, so that a decoder can be let loose on them: lengths fit the bytes there are
 * (`[` with a claimed length of four billion costs five bytes to send), counts and depth stay within `limits`, the value ends where
 * the bytes end, and no extension is used but the one that stands for `undefined`.
 */
export function checkMsgpack(bytes: Uint8Array, limits: Pick<FrameLimits, 'headerValues' | 'headerDepth'>): void {
  /** Values still to come in each open container. */
  const open: number[] = [1];
  let values = 0;
  let at = 0;
  const end = bytes.length;
  const number = (size: number): number => {
    if (at + size > end) throw new FrameError('A header ends within a length.');
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0);
    at += size;
    return value;
  };
  const skip = (size: number): void => {
    if (size > end - at) throw new FrameError('A header ends within a value.');
    at += size;
  };
  const enter = (count: number): void => {
    if (count > end - at) throw new FrameError('A header claims more values than it has bytes.');
    if (open.length > limits.headerDepth) throw new FrameTooLargeError(`A header nests deeper than ${limits.headerDepth}.`);
    if (count > 0) open.push(count);
  };
  while (open.length > 0) {
    const left = open[open.length - 1] ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    if (++values > limits.headerValues) throw new FrameTooLargeError(`A header holds more than ${limits.headerValues} values.`);
    const kind = number(1);
    if (kind < 0x80 || kind >= 0xe0) continue;
    if (kind < 0x90) enter((kind & 0x0f) * 2);
    else if (kind < 0xa0) enter(kind & 0x0f);
    else if (kind < 0xc0) skip(kind & 0x1f);
    else if (kind === 0xc4 || kind === 0xd9) skip(number(1));
    else if (kind === 0xc5 || kind === 0xda) skip(number(2));
    else if (kind === 0xc6 || kind === 0xdb) skip(number(4));
    else if (kind === 0xdc) enter(number(2));
    else if (kind === 0xdd) enter(number(4));
    else if (kind === 0xde) enter(number(2) * 2);
    else if (kind === 0xdf) enter(number(4) * 2);
    else if (kind === 0xd4) {
      if (number(1) !== 0 || number(1) !== 0) throw new FrameError('A header uses a msgpack extension.');
    } else {
      const size = FIXED_SIZES[kind - 0xc0] ?? -1;
      if (size < 0) throw new FrameError('A header uses a msgpack extension or an unknown kind of value.');
      skip(size);
    }
  }
  if (at !== end) throw new FrameError('A header has bytes after its value.');
}
