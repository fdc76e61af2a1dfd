import { ModelNotFoundError, OverloadedError, type ModelService, type ServedModel } from '@pippa/core';

/** What a client is told to wait for a model that is still being loaded. */
const LOADING_RETRY_SECONDS = 2;

/** How a model is asked for. */
export interface RegisteredNames {
  readonly name: string;
  readonly aliases: readonly string[];
}

/** The models of this node: those that answer, and those that soon will. */
export class ModelRegistry implements ModelService {
  readonly #served = new Map<string, ServedModel>();
  readonly #loading: Set<string>;
  /** Name by alias in small letters. */
  readonly #aliases = new Map<string, string>();

  /** `models`: those that will be added. */
  constructor(models: readonly RegisteredNames[]) {
    this.#loading = new Set(models.map((model) => model.name));
    for (const { name, aliases } of models) {
      for (const alias of [name, ...aliases]) {
        const key = alias.toLowerCase();
        if (!this.#aliases.has(key)) this.#aliases.set(key, name);
      }
    }
  }

  add(model: ServedModel): void {
    this.#loading.delete(model.name);
    this.#served.set(model.name, model);
  }

  list(): readonly ServedModel[] {
    return [...this.#served.values()];
  }

  /** Throws `OverloadedError` (503: come back) for a model that is being loaded. */
  get(asked: string): ServedModel {
    const name = this.#served.has(asked) ? asked : (this.#aliases.get(asked.toLowerCase()) ?? asked);
    const model = this.#served.get(name);
    if (model !== undefined) return model;
    if (this.#loading.has(name)) throw new OverloadedError(`The model "${name}" is still being loaded.`, LOADING_RETRY_SECONDS);
    throw new ModelNotFoundError(asked, [...this.#served.keys()]);
  }
}
