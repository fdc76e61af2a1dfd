import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { PieceSet } from './piece-set.ts';

const MAGIC = 'PIPPAPJ1';
const HEADER_BYTES = 16;
const RECORD_BYTES = 8;

/**
 * Which pieces of a sparse file are there: a header (magic, first 8 bytes of the table's digest), then one record a piece (u32 number,
 * u32 CRC-32 of header and number, little-endian). A record is appended after its piece is on disk, so what the journal says is true
 * after any crash; a tail that was torn is cut off.
 */
export class PieceJournal {
  readonly #handle: FileHandle;
  readonly #header: Buffer;
  #length: number;

  private constructor(handle: FileHandle, header: Buffer, length: number) {
    this.#handle = handle;
    this.#header = header;
    this.#length = length;
  }

  /** Opens or begins the journal of a table and reads what it says. A journal of another table is begun anew. */
  static async open(
    path: string,
    digest: string,
    count: number,
  ): Promise<{ readonly journal: PieceJournal; readonly present: PieceSet }> {
    const header = Buffer.concat([Buffer.from(MAGIC, 'latin1'), Buffer.from(digest.slice(0, 16), 'hex')]);
    const handle = await open(path, 'a+').then(async (created) => {
      // Appending ignores positions; writing at one wants another mode.
      await created.close();
      return open(path, 'r+');
    });
    try {
      const bytes = Buffer.alloc(HEADER_BYTES + count * RECORD_BYTES * 2);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      const present = new PieceSet(count);
      let length = HEADER_BYTES;
      if (bytesRead >= HEADER_BYTES && bytes.subarray(0, HEADER_BYTES).equals(header)) {
        for (; length + RECORD_BYTES <= bytesRead; length += RECORD_BYTES) {
          const piece = bytes.readUInt32LE(length);
          if (piece >= count || bytes.readUInt32LE(length + 4) !== checksum(header, piece)) break;
          present.add(piece);
        }
      } else {
        await handle.write(header, 0, HEADER_BYTES, 0);
      }
      await handle.truncate(length);
      await handle.datasync();
      return { journal: new PieceJournal(handle, header, length), present };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Settles when the records are on disk. */
  async append(pieces: readonly number[]): Promise<void> {
    if (pieces.length === 0) return;
    const records = Buffer.alloc(pieces.length * RECORD_BYTES);
    for (const [index, piece] of pieces.entries()) {
      records.writeUInt32LE(piece, index * RECORD_BYTES);
      records.writeUInt32LE(checksum(this.#header, piece), index * RECORD_BYTES + 4);
    }
    await this.#handle.write(records, 0, records.length, this.#length);
    await this.#handle.datasync();
    this.#length += records.length;
  }

  /** Says that only these are there, whatever was said before. */
  async rewrite(pieces: readonly number[]): Promise<void> {
    await this.#handle.truncate(HEADER_BYTES);
    this.#length = HEADER_BYTES;
    await this.#handle.datasync();
    await this.append(pieces);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function checksum(header: Buffer, piece: number): number {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(piece);
  return crc32(number, crc32(header));
}
