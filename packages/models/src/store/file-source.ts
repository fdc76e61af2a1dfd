import type { ByteSource } from '@pippa/gguf';
import type { PieceFile } from '../pieces/piece-file.ts';

/** One file of a model of which pieces are here. The caller sees to it that what it reads is. */
export function fileSource(file: PieceFile, index: number): ByteSource {
  const byteLength = file.table.files[index]?.byteLength ?? 0;
  return { byteLength, read: (offset, length) => file.readFile(index, offset, length) };
}
