import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GGUF_LIMITS } from '@pippa/gguf';
import { MODELS_LIMITS } from '@pippa/protocol';
import { z } from 'zod';
import { mapOf, HASH_BYTES, type PieceTable } from './piece-table.ts';
import { pieceBytesFor } from './piece-map.ts';

/** A table of a million pieces (4 TB) as text. */
const MAX_TABLE_FILE_BYTES = 64 * 1024 * 1024;

const schema = z.object({
  name: z.string().min(1).max(512),
  origin: z.string().max(MODELS_LIMITS.nameCharacters).exactOptional(),
  /** Of the files that were hashed; empty for those that were made piece by piece. */
  stamps: z.array(z.object({ path: z.string(), bytes: z.number(), modifiedMs: z.number() })).max(GGUF_LIMITS.splitFiles),
  files: z
    .array(z.object({ byteLength: z.int().min(1), headerBytes: z.int().min(0) }))
    .min(1)
    .max(GGUF_LIMITS.splitFiles),
  isVerified: z.boolean().exactOptional(),
  hashes: z.base64().max(MAX_TABLE_FILE_BYTES),
});

/** A piece table on disk, with what it was made of. */
export interface StoredTable {
  readonly name: string;
  /** Where the model was got from, as `pull` takes it. */
  readonly origin?: string;
  readonly stamps: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
  /** The files have the SHA-256 that the hub states of them. */
  readonly isVerified?: boolean;
  readonly table: PieceTable;
}

/** Undefined for a file that is not there or not right. */
export async function readTableFile(path: string): Promise<StoredTable | undefined> {
  try {
    if ((await stat(path)).size > MAX_TABLE_FILE_BYTES) return undefined;
    const { files, hashes, ...about } = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    const pieceBytes = pieceBytesFor(files.reduce((sum, file) => sum + file.byteLength, 0));
    const table = { pieceBytes, files, hashes: new Uint8Array(Buffer.from(hashes, 'base64')) };
    return table.hashes.length === mapOf(table).count * HASH_BYTES ? { ...about, table } : undefined;
  } catch {
    return undefined;
  }
}

/** The file appears whole or not at all, and is on disk when this settles. */
export async function writeTableFile(path: string, { table, ...about }: StoredTable): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.part`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      const hashes = Buffer.from(table.hashes).toString('base64');
      await handle.writeFile(JSON.stringify({ ...about, files: table.files, hashes }));
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Makes names in the folder last. Not every system can; then a crash may cost a table, which is made again. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows and some network file systems.
  }
}
