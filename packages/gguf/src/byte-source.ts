import { open } from 'node:fs/promises';
import { errorMessage } from '@pippa/core';
import { NotGgufError, UnreadableGgufError } from './errors.ts';

/** Random access to the bytes of a header: a file, or what a peer sent. */
export interface ByteSource {
  readonly byteLength: number;
  /** `length` bytes, fewer only where the source has shrunk; the caller stays within `byteLength`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bufferSource(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Throws `UnreadableGgufError` (its `cause` is the file system's) or `NotGgufError`. */
export async function openFileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
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

function unreadable(path: string, cause: unknown): UnreadableGgufError {
  const code = errorCode(cause);
  if (code === 'ENOENT') return new UnreadableGgufError(`There is no file ${path}.`, { cause, hint: 'Check the path.' });
  return new UnreadableGgufError(`The file ${path} cannot be opened: ${errorMessage(cause)}.`, { cause });
}

/** `ENOENT`, `ENOSPC` ...; undefined for what the file system did not throw. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
