import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ProtocolError } from '@pippa/protocol';

const ALGORITHM = 'aes-128-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** u32 length of what follows. */
const LENGTH_BYTES = 4;
/** u32 piece, u32 offset: sealed with the payload. */
const HEAD_BYTES = 8;
/** GCM is sound for 2^32 records of one key; at 256 KiB each that is a petabyte. */
const MAX_RECORDS = 2 ** 32;

/** Piece of the record that a connection begins with: it proves that the other side is the one that the key was agreed on with. */
export const HELLO_PIECE = 0xffff_ffff;

/** Seals records of one connection. A nonce is the record's number: never used twice with one key. */
export class RecordSealer {
  readonly #key: Uint8Array;
  #count = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** The parts of a record, to be written one after the other. */
  seal(piece: number, offset: number, payload: Uint8Array): readonly Uint8Array[] {
    if (this.#count >= MAX_RECORDS) throw new RangeError('The connection has sealed all records that its key is good for.');
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(this.#count));
    this.#count += 1;
    const front = Buffer.allocUnsafe(LENGTH_BYTES + HEAD_BYTES);
    front.writeUInt32LE(HEAD_BYTES + payload.length + TAG_BYTES);
    front.writeUInt32LE(piece, LENGTH_BYTES);
    front.writeUInt32LE(offset, LENGTH_BYTES + 4);
    cipher.setAAD(front.subarray(0, LENGTH_BYTES));
    const head = cipher.update(front.subarray(LENGTH_BYTES));
    const body = cipher.update(payload);
    cipher.final();
    return [front.subarray(0, LENGTH_BYTES), head, body, cipher.getAuthTag()];
  }
}

/** Opens the records of one connection, in order, from chunks cut anywhere. */
export class RecordOpener {
  readonly #key: Uint8Array;
  readonly #buffer: Buffer;
  readonly #onRecord: (piece: number, offset: number, payload: Uint8Array) => void;
  #filled = 0;
  #count = 0;

  /** `mostPayloadBytes`: a record that claims more is refused before it is taken in. */
  constructor(key: Uint8Array, mostPayloadBytes: number, onRecord: (piece: number, offset: number, payload: Uint8Array) => void) {
    this.#key = key;
    this.#buffer = Buffer.allocUnsafe(LENGTH_BYTES + HEAD_BYTES + mostPayloadBytes + TAG_BYTES);
    this.#onRecord = onRecord;
  }

  /** Throws `ProtocolError` for what was not sealed with the key, in this order. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const wanted = this.#filled < LENGTH_BYTES ? LENGTH_BYTES : this.#recordBytes();
      const taken = Math.min(wanted - this.#filled, chunk.length - at);
      this.#buffer.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled >= LENGTH_BYTES && this.#filled === this.#recordBytes()) this.#open();
    }
  }

  #recordBytes(): number {
    const bytes = LENGTH_BYTES + this.#buffer.readUInt32LE(0);
    if (bytes < LENGTH_BYTES + HEAD_BYTES + TAG_BYTES || bytes > this.#buffer.length)
      throw new ProtocolError('A sealed record has a length that cannot be.');
    return bytes;
  }

  #open(): void {
    const end = this.#filled - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonceOf(this.#count), { authTagLength: TAG_BYTES });
    this.#count += 1;
    this.#filled = 0;
    decipher.setAAD(this.#buffer.subarray(0, LENGTH_BYTES));
    decipher.setAuthTag(this.#buffer.subarray(end, end + TAG_BYTES));
    const head = decipher.update(this.#buffer.subarray(LENGTH_BYTES, LENGTH_BYTES + HEAD_BYTES));
    const payload = decipher.update(this.#buffer.subarray(LENGTH_BYTES + HEAD_BYTES, end));
    try {
      decipher.final();
    } catch (cause) {
      throw new ProtocolError('A sealed record was changed on the way.', { cause });
    }
    this.#onRecord(head.readUInt32LE(0), head.readUInt32LE(4), payload);
  }
}

/** Zeros, then the number, big-endian. */
function nonceOf(count: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(count, NONCE_BYTES - 4);
  return nonce;
}
