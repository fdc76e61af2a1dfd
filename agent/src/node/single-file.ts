import { ModelNotFoundError, type ModelManifest } from '@pippa/core';
import { manifestOf, modelFingerprint, readGgufModel, type GgufModel } from '@pippa/gguf';
import type { ModelFiles, NamedModel, ShardFiles } from './model-files.ts';

/** One GGUF file, or the first of a split model, as all there is. */
export class SingleFile implements ModelFiles {
  readonly model: GgufModel;
  readonly named: NamedModel;
  readonly #manifest: ModelManifest;

  private constructor(model: GgufModel, named: NamedModel) {
    this.model = model;
    this.named = named;
    this.#manifest = manifestOf(model, named);
  }

  /** Throws what `readGgufModel` throws. */
  static async read(path: string, name: string, options: { readonly signal?: AbortSignal }): Promise<SingleFile> {
    const model = await readGgufModel(path, options);
    return new SingleFile(model, { id: await modelFingerprint(model, options), name });
  }

  async manifest(model: NamedModel): Promise<ModelManifest> {
    this.#require(model);
    return this.#manifest;
  }

  async shard(model: NamedModel): Promise<ShardFiles> {
    this.#require(model);
    return { model: this.model };
  }

  async header(model: NamedModel): Promise<{ readonly model: GgufModel; readonly path: string }> {
    this.#require(model);
    return { model: this.model, path: this.model.files[0]?.path ?? '' };
  }

  #require(model: NamedModel): void {
    if (model.id !== this.named.id) throw new ModelNotFoundError(model.name, [this.named.name]);
  }
}
