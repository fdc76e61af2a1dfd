import { ModelNotFoundError, type ModelManifest } from '@pippa/core';
import type { ModelFiles, NamedModel } from '../../agent/src/node/model-files.ts';
import { SingleFile } from '../../agent/src/node/single-file.ts';

/** GGUF files by their paths, all of them on this machine's disk. */
export class SeveralFiles implements ModelFiles {
  readonly #files = new Map<string, SingleFile>();

  private constructor() {}

  /** The first one is the one that is meant where none is named. */
  static async of(path: string): Promise<SeveralFiles> {
    const files = new SeveralFiles();
    await files.add(path);
    return files;
  }

  async add(path: string): Promise<void> {
    this.#files.set(path, await SingleFile.read(path, path, {}));
  }

  named(path?: string): NamedModel {
    const file = path === undefined ? [...this.#files.values()][0] : this.#files.get(path);
    if (file === undefined) throw new ModelNotFoundError(path ?? '', [...this.#files.keys()]);
    return file.named;
  }

  manifest(model: NamedModel): Promise<ModelManifest> {
    return this.#of(model).manifest(model);
  }

  shard(model: NamedModel): ReturnType<SingleFile['shard']> {
    return this.#of(model).shard(model);
  }

  header(model: NamedModel): ReturnType<SingleFile['header']> {
    return this.#of(model).header(model);
  }

  #of(model: NamedModel): SingleFile {
    for (const file of this.#files.values()) if (file.named.id === model.id) return file;
    throw new ModelNotFoundError(model.name, [...this.#files.keys()]);
  }
}
