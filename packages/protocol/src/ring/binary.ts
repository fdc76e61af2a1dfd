import { ProtocolError } from '../errors.ts';
import { STREAM_FRAME_LIMITS } from '../wire/limits.ts';
import { decodeMessage, encodeMessage } from '../wire/msgpack.ts';

/*
 * Frames of the ring's hot path: unsigned words, doubles, signed words, a msgpack message for what is rare, then bytes. Each part begins
 * at a multiple of 8; all numbers are little-endian, as every platform is that the engine runs on.
 */

interface Parts {
  /** Even. */
  readonly words: number;
  readonly doubles: number;
  readonly integers: number;
}

/** Lays out a frame; the views are to be filled in. */
export class BinaryWriter {
  readonly frame: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly ints: Int32Array;
  readonly messageBytes: number;

  constructor(parts: Parts & { readonly message: unknown; readonly bytes: Uint8Array | undefined }) {
    const message = parts.message === undefined ? undefined : encodeMessage(parts.message);
    this.messageBytes = message?.length ?? 0;
    const { doublesAt, intsAt, messageAt, bytesAt } = layOut(parts, this.messageBytes);
    this.frame = new Uint8Array(bytesAt + (parts.bytes?.length ?? 0));
    const { buffer } = this.frame;
    this.words = new Uint32Array(buffer, 0, parts.words);
    this.doubles = new Float64Array(buffer, doublesAt, parts.doubles);
    this.ints = new Int32Array(buffer, intsAt, parts.integers);
    if (message !== undefined) this.frame.set(message, messageAt);
    if (parts.bytes !== undefined) this.frame.set(parts.bytes, bytesAt);
  }

  /** Takes two words. */
  setSafeInteger(word: number, value: number): void {
    this.words[word] = value % 2 ** 32;
    this.words[word + 1] = Math.floor(value / 2 ** 32);
  }
}

/** Reads such a frame. Its views lie over the frame. */
export class BinaryReader {
  readonly doubles: Float64Array;
  readonly ints: Int32Array<ArrayBuffer>;
  readonly message: unknown;
  readonly bytes: Uint8Array;

  /** Throws `ProtocolError` for a frame that is too short or whose message is none. */
  constructor(frame: Uint8Array, parts: Parts & { readonly messageBytes: number }) {
    const { doublesAt, intsAt, messageAt, bytesAt } = layOut(parts, parts.messageBytes);
    if (frame.length < bytesAt) throw new ProtocolError(`A frame of ${frame.length} bytes should have ${bytesAt} at least.`);
    const { buffer, byteOffset } = aligned(frame);
    this.doubles = new Float64Array(buffer, byteOffset + doublesAt, parts.doubles);
    this.ints = new Int32Array(buffer, byteOffset + intsAt, parts.integers);
    this.message =
      parts.messageBytes === 0
        ? undefined
        : decodeMessage(frame.subarray(messageAt, messageAt + parts.messageBytes), STREAM_FRAME_LIMITS);
    this.bytes = new Uint8Array(buffer, byteOffset + bytesAt, frame.length - bytesAt);
  }

  /** The first words. Throws `ProtocolError` when there are not so many or the first is not `tag`. */
  static head(frame: Uint8Array, words: number, tag: number, what: string): Uint32Array {
    if (frame.length < words * 4) throw new ProtocolError(`A ${what} came in ${frame.length} bytes.`);
    const { buffer, byteOffset } = aligned(frame);
    const head = new Uint32Array(buffer, byteOffset, words);
    if (head[0] !== tag) throw new ProtocolError(`A frame that should be a ${what} begins otherwise.`);
    return head;
  }

  static safeInteger(head: Uint32Array, word: number): number {
    const value = (head[word] ?? 0) + (head[word + 1] ?? 0) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw new ProtocolError('A number in a frame is too large.');
    return value;
  }
}

function layOut({ words, doubles, integers }: Parts, messageBytes: number) {
  const doublesAt = words * 4;
  const intsAt = doublesAt + doubles * 8;
  const messageAt = alignTo8(intsAt + integers * 4);
  return { doublesAt, intsAt, messageAt, bytesAt: alignTo8(messageAt + messageBytes) };
}

/** The same bytes where typed arrays can be laid over them: frames of streams are, slices of other buffers may not be. */
function aligned(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  return frame.byteOffset % 8 === 0 && frame.buffer instanceof ArrayBuffer ? (frame as Uint8Array<ArrayBuffer>) : frame.slice();
}

function alignTo8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
