import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { TruncatedGgufError } from './errors.ts';
import type { Shard, ShardTensor } from './shard.ts';
import type { GgufModel } from './types.ts';

const COPY_CHUNK_BYTES = 8 * 1024 * 1024;

interface WriteShardOptions {
  /** Called after each piece with the part that is written, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Settles when these bytes of a file of the model are there; all are when left out. Tensors are written as they come. */
  readonly available?: (file: number, offset: number, byteLength: number) => Promise<void>;
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
      let written = shard.header.length;
      const report = (bytes: number): void => options.onProgress?.(Math.min(1, (written += bytes) / shard.byteLength));
      for await (const tensor of asTheyCome(shard.tensors, options))
        await copyTensor(tensor, shard, model, target, sources, report, options.signal);
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

/** The tensors in the order in which their bytes become available. Throws what waiting for one throws. */
async function* asTheyCome(
  tensors: readonly ShardTensor[],
  { available, signal }: Pick<WriteShardOptions, 'available' | 'signal'>,
): AsyncGenerator<ShardTensor> {
  if (available === undefined) return yield* tensors;
  const there: ShardTensor[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => {};
  for (const tensor of tensors) {
    const { source } = tensor;
    const waiting = source === undefined ? Promise.resolve() : available(source.file, source.offset, source.byteLength);
    waiting.then(
      () => (there.push(tensor), wake()),
      (error: unknown) => ((failure ??= { error }), wake()),
    );
  }
  for (let left = tensors.length; left > 0; left -= 1) {
    while (there.length === 0) {
      if (failure !== undefined) throw failure.error;
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const next = there.shift();
    if (next !== undefined) yield next;
  }
}

async function copyTensor(
  tensor: ShardTensor,
  shard: Shard,
  model: GgufModel,
  target: FileHandle,
  sources: Map<number, FileHandle>,
  report: (bytes: number) => void,
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
    report(bytesRead);
  }
}

/** A write may take less than it is given. */
async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await target.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
