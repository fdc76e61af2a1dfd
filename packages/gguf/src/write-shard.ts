import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { TruncatedGgufError } from './errors.ts';
import type { Shard, ShardTensor } from './shard.ts';
import type { GgufModel } from './types.ts';

const COPY_CHUNK_BYTES = 8 * 1024 * 1024;

interface WriteShardOptions {
  /** Called after each piece with the part that is written, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** Writes the shard as a file that appears whole or not at all. Rejects with the signal's reason when aborted. */
export async function writeShardFile(shard: Shard, model: GgufModel, path: string, options: WriteShardOptions = {}): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`;
  const sources = new Map<number, FileHandle>();
  try {
    const target = await open(temporary, 'wx');
    try {
      await writeAll(target, shard.header, 0);
      const report = (position: number): void => options.onProgress?.(Math.min(1, position / shard.byteLength));
      for (const tensor of shard.tensors) await copyTensor(tensor, shard, model, target, sources, report, options.signal);
      // A dummy's zeros, and the padding after the last tensor, are a hole.
      await target.truncate(shard.byteLength);
      await target.sync();
      options.onProgress?.(1);
    } finally {
      await target.close();
    }
    options.signal?.throwIfAborted();
    await rename(temporary, path);
  } finally {
    for (const source of sources.values()) await source.close();
    await rm(temporary, { force: true });
  }
}

async function copyTensor(
  tensor: ShardTensor,
  shard: Shard,
  model: GgufModel,
  target: FileHandle,
  sources: Map<number, FileHandle>,
  report: (position: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const { source } = tensor;
  if (source === undefined) return;
  const { path } = model.files[source.file] as { path: string };
  const file = sources.get(source.file) ?? (await open(path, 'r'));
  sources.set(source.file, file);
  const position = shard.dataOffset + tensor.offset;
  const chunk = new Uint8Array(Math.min(COPY_CHUNK_BYTES, source.byteLength));
  for (let done = 0; done < source.byteLength;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, source.byteLength - done), source.offset + done);
    if (bytesRead === 0) throw new TruncatedGgufError(`The file ${path} became shorter while it was read.`);
    await writeAll(target, chunk.subarray(0, bytesRead), position + done);
    done += bytesRead;
    report(position + done);
  }
}

/** A write may take less than it is given. */
async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await target.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
