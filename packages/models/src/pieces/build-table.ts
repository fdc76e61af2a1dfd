import type { FileHandle } from 'node:fs/promises';
import { GGUF_LIMITS, TruncatedGgufError, type GgufModel } from '@pippa/gguf';
import { PieceMap, pieceBytesFor } from './piece-map.ts';
import { pieceThreads } from './piece-threads.ts';
import { HASH_BYTES, type PieceTable, type TableFile } from './piece-table.ts';

/** Pieces asked for at once: each thread has its next one when it is done. */
const CONCURRENCY = 4;

export interface BuildTableOptions {
  /** Fraction 0 .. 1 */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** Hashes all pieces of a model that lies here whole. Reads every byte once. Throws what reading throws, or the signal's reason. */
export async function buildPieceTable(model: GgufModel, options: BuildTableOptions = {}): Promise<PieceTable> {
  const fileBytes = model.files.map((file) => file.byteLength);
  const map = new PieceMap(fileBytes, pieceBytesFor(fileBytes.reduce((sum, bytes) => sum + bytes, 0)));
  const hashes = new Uint8Array(map.count * HASH_BYTES);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let piece = next++; piece < map.count; piece = next++) {
      options.signal?.throwIfAborted();
      const { file, offset, length } = map.place(piece);
      hashes.set(await pieceThreads.digest(model.files[file]?.path ?? '', offset, length), piece * HASH_BYTES);
      done += 1;
      options.onProgress?.(done / map.count);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } finally {
    // Whoever failed first, the others stop.
    next = map.count;
    for (const file of model.files) pieceThreads.forget(file.path);
  }
  return { pieceBytes: map.pieceBytes, files: tableFiles(model), hashes };
}

export function tableFiles(model: GgufModel): TableFile[] {
  return model.files.map(({ byteLength }, file) => {
    const offsets = model.tensors.filter((tensor) => tensor.file === file).map((tensor) => tensor.offset);
    return {
      byteLength,
      headerBytes: offsets.reduce((least, offset) => Math.min(least, offset), Math.min(byteLength, GGUF_LIMITS.headerBytes)),
    };
  });
}

/** Throws `TruncatedGgufError` where the file ends before. */
export async function readExactly(handle: FileHandle, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
  const bytes = into?.subarray(0, length) ?? new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new TruncatedGgufError('A file of the model has become shorter while it was read.');
    filled += bytesRead;
  }
  return bytes;
}
