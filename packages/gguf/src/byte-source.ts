import { open } from 'node:fs/promises';

/** Random access to the bytes of a header: a file, or what a peer sent. */
export interface ByteSource {
  readonly byteLength: number;
  /** Exactly `length` bytes; the caller stays within `byteLength`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bufferSource(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

export async function openFileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async read(offset, length) {
      // A plain Uint8Array: slices of it are copies, those of a Buffer are not.
      const bytes = new Uint8Array(length);
      const { bytesRead } = await handle.read(bytes, 0, length, offset);
      return bytes.subarray(0, bytesRead);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
