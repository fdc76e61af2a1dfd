import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { planShard, shardKey, writeShardFile, type ArchitectureRule, type GgufModel, type Shard } from '@pippa/gguf';
import type { StageSource, TensorSource } from '@pippa/llama';

export interface ShardSourceOptions {
  /** A GPU computes: its weights are filled in from the model's own files, no second copy on disk. */
  readonly onGpu: boolean;
  /** Where shards for CPU backends are kept as files: only from files does the engine repack weights, which is worth 1.6x. */
  readonly shardDirectory: string;
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function wholeModelSource(model: GgufModel): StageSource {
  return { kind: 'files', paths: model.files.map((file) => file.path) };
}

/** Where the layers `[from, to)` come from. All stages of a ring take the same way: the two differ in the last bits. */
export async function shardSource(
  model: GgufModel,
  [from, to]: readonly [from: number, to: number],
  rule: ArchitectureRule,
  options: ShardSourceOptions,
): Promise<StageSource> {
  const shard = planShard(model, from, to, rule);
  if (options.onGpu)
    return { kind: 'tensors', header: shard.header, tensors: shard.tensors.map((tensor) => tensorSource(model, tensor)) };
  await mkdir(options.shardDirectory, { recursive: true });
  const path = join(options.shardDirectory, `${await shardKey(model, shard)}.gguf`);
  if (!(await exists(path))) {
    await writeShardFile(shard, model, path, {
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }
  return { kind: 'files', paths: [path] };
}

function tensorSource(model: GgufModel, { name, byteLength, source }: Shard['tensors'][number]): TensorSource {
  const path = source === undefined ? undefined : model.files[source.file]?.path;
  return path === undefined || source === undefined
    ? { name, byteLength }
    : { name, byteLength, place: { path, offset: source.offset } };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
