import { open } from 'node:fs/promises';
import { NotGgufError } from './errors.ts';

/** Random access to the bytes of a header: a file, or what a peer sent. */
export interface ByteSource {
  readonly byteLength: number;
  /** `length` bytes, fewer only where the source has shrunk; the caller stays within `byteLength`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bufferSource(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

export async function openFileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const handle = await open(path, 'r');
  let size: number;
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new NotGgufError(`${path} is not a file.`);
    size = status.size;
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    byteLength: size,
    async read(offset, length) {
      // A plain Uint8Array: slices of it are copies, those of a Buffer are not.
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
