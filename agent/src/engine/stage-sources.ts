import { planShard, shardKey, writeShardFile, type ArchitectureRule, type GgufModel, type Shard } from '@pippa/gguf';
import type { StageSource, TENSOR_ARRIVAL, TensorSource } from '@pippa/llama';
import type { ShardArrival } from '@pippa/models';
import type { ShardCache } from './shard-cache.ts';

/** `TENSOR_ARRIVAL` of `llama`, which is loaded with the first stage only. */
const [THERE, LOST] = [1, 2] satisfies [typeof TENSOR_ARRIVAL.there, typeof TENSOR_ARRIVAL.lost];

export interface ShardSourceOptions {
  /** A GPU computes: its weights are filled in from the model's own files, no second copy on disk. */
  readonly onGpu: boolean;
  /** Keeps shards for CPU backends as files: only from files does the engine repack weights, which is worth 1.6x. */
  readonly cache: ShardCache;
  /** Bytes of the model may still be coming; left out: all are there. */
  readonly arrival?: ShardArrival | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a stage is loaded from; released when it is unloaded. */
export interface HeldSource {
  readonly source: StageSource;
  release(): void;
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
): Promise<HeldSource> {
  const shard = planShard(model, from, to, rule);
  if (options.onGpu) {
    const tensors = shard.tensors.map((tensor) => tensorSource(model, tensor));
    const arrivals = options.arrival === undefined ? {} : { arrivals: arrivalsOf(shard, options.arrival) };
    return { source: { kind: 'tensors', header: shard.header, tensors, ...arrivals }, release: () => {} };
  }
  const { arrival, cache } = options;
  const key = await shardKey(model, shard, arrival?.identity);
  const { path, release } = await cache.take(key, shard.byteLength, (target) =>
    writeShardFile(shard, model, target, {
      ...(arrival === undefined ? {} : { available: (file, offset, length) => arrival.ready(file, offset, length) }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }),
  );
  return { source: { kind: 'files', paths: [path] }, release };
}

/** Of each tensor whether its bytes are there, told to the thread that loads it. */
function arrivalsOf(shard: Shard, arrival: ShardArrival): Int32Array<SharedArrayBuffer> {
  const arrivals = new Int32Array(new SharedArrayBuffer(shard.tensors.length * Int32Array.BYTES_PER_ELEMENT));
  const tell = (index: number, state: number): void => {
    Atomics.store(arrivals, index, state);
    Atomics.notify(arrivals, index);
  };
  for (const [index, { source }] of shard.tensors.entries()) {
    if (source === undefined) tell(index, THERE);
    else
      arrival.ready(source.file, source.offset, source.byteLength).then(
        () => tell(index, THERE),
        () => tell(index, LOST),
      );
  }
  return arrivals;
}

function tensorSource(model: GgufModel, { name, byteLength, source }: Shard['tensors'][number]): TensorSource {
  const path = source === undefined ? undefined : model.files[source.file]?.path;
  return path === undefined || source === undefined
    ? { name, byteLength }
    : { name, byteLength, place: { path, offset: source.offset } };
}
