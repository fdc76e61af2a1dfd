import type { ModelId, ModelManifest } from '@pippa/core';
import type { GgufModel } from '@pippa/gguf';
import type { ModelStore, ObtainProgress, ShardArrival } from '@pippa/models';

/** A model as requests and rings name it. */
export interface NamedModel {
  readonly id: ModelId;
  readonly name: string;
}

/** Where the layers that a stage holds lie. */
export interface ShardFiles {
  readonly model: GgufModel;
  /** Its bytes may still be coming. Left out: all are there. */
  readonly arrival?: ShardArrival;
}

export interface FileControl {
  readonly onProgress?: (fraction: number) => void;
  readonly signal: AbortSignal;
}

/** Where a node gets what it needs of a model. */
export interface ModelFiles {
  /** What placing it needs to know. Throws `ModelNotFoundError` when nobody has it. */
  manifest(model: NamedModel, signal: AbortSignal): Promise<ModelManifest>;
  /**
   * The model whose tensors of the layers `[from, to)` are on this machine's disk, or come there: `onProgress` then goes on after it has
   * settled, and what keeps them from coming, the signal's reason too, is thrown by the arrival.
   */
  shard(model: NamedModel, layers: { readonly from: number; readonly to: number }, control: FileControl): Promise<ShardFiles>;
  /** Its header, and a file that a tokenizer can be opened from. No weights are needed. */
  header(model: NamedModel, signal: AbortSignal): Promise<{ readonly model: GgufModel; readonly path: string }>;
}

/** Models of the store: on this machine's disk, or got from peers piece by piece. */
export class StoreFiles implements ModelFiles {
  readonly #store: ModelStore;

  constructor(store: ModelStore) {
    this.#store = store;
  }

  async manifest(model: NamedModel, signal: AbortSignal): Promise<ModelManifest> {
    return { ...(await this.#store.manifest(model.id, { signal })), name: model.name };
  }

  async shard(
    model: NamedModel,
    { from, to }: { readonly from: number; readonly to: number },
    { onProgress, signal }: FileControl,
  ): Promise<ShardFiles> {
    return this.#store.beginShard(
      { id: model.id, from, to },
      { onProgress: (progress) => onProgress?.(fractionOf(progress)), signal },
    );
  }

  async header(model: NamedModel, signal: AbortSignal): Promise<{ readonly model: GgufModel; readonly path: string }> {
    const header = await this.#store.header(model.id, { signal });
    return { model: header, path: header.files[0]?.path ?? '' };
  }
}

function fractionOf({ doneBytes, totalBytes }: Pick<ObtainProgress, 'doneBytes' | 'totalBytes'>): number {
  return totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0;
}
