import type { ModelId, ModelManifest } from '@pippa/core';
import { readGgufModel, type GgufModel } from '@pippa/gguf';
import type { LibraryModel, ModelStore, ObtainProgress } from '@pippa/models';

/** A model as requests and rings name it. */
export interface NamedModel {
  readonly id: ModelId;
  readonly name: string;
}

export interface FileControl {
  readonly onProgress?: (fraction: number) => void;
  readonly signal: AbortSignal;
}

/** Where a node gets what it needs of a model. */
export interface ModelFiles {
  /** What placing it needs to know. Throws `ModelNotFoundError` when nobody has it. */
  manifest(model: NamedModel, signal: AbortSignal): Promise<ModelManifest>;
  /** The model with the tensors of the layers `[from, to)` on this machine's disk. */
  shard(model: NamedModel, layers: { readonly from: number; readonly to: number }, control: FileControl): Promise<GgufModel>;
  /** Its header, and a file that a tokenizer can be opened from. No weights are needed. */
  header(model: NamedModel, signal: AbortSignal): Promise<{ readonly model: GgufModel; readonly path: string }>;
}

/** Models of the store: on this machine's disk, or got from peers piece by piece. */
export class StoreFiles implements ModelFiles {
  readonly #store: ModelStore;
  readonly #asked: readonly LibraryModel[];

  /** `asked`: models of files that lie elsewhere than where the library looks. */
  constructor(store: ModelStore, asked: readonly LibraryModel[]) {
    this.#store = store;
    this.#asked = asked;
  }

  async manifest(model: NamedModel, signal: AbortSignal): Promise<ModelManifest> {
    const manifest = this.#find(model)?.manifest ?? (await this.#store.manifest(model.id, { signal }));
    return { ...manifest, name: model.name };
  }

  async shard(
    model: NamedModel,
    { from, to }: { readonly from: number; readonly to: number },
    { onProgress, signal }: FileControl,
  ): Promise<GgufModel> {
    const asked = this.#find(model);
    if (asked !== undefined) return readGgufModel(asked.paths[0] ?? '', { signal });
    const shard = await this.#store.ensureShard(
      { id: model.id, from, to },
      { onProgress: (progress) => onProgress?.(fractionOf(progress)), signal },
    );
    return shard.model;
  }

  async header(model: NamedModel, signal: AbortSignal): Promise<{ readonly model: GgufModel; readonly path: string }> {
    const asked = this.#find(model);
    const header =
      asked === undefined ? await this.#store.header(model.id, { signal }) : await readGgufModel(asked.paths[0] ?? '', { signal });
    return { model: header, path: header.files[0]?.path ?? '' };
  }

  #find(model: NamedModel): LibraryModel | undefined {
    return this.#asked.find((each) => each.id === model.id);
  }
}

function fractionOf({ doneBytes, totalBytes }: Pick<ObtainProgress, 'doneBytes' | 'totalBytes'>): number {
  return totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0;
}
