import { ModelNotFoundError, OverloadedError, type ModelService, type ServedModel } from '@pippa/core';

/** What a client is told to wait for a model that is still being loaded. */
const LOADING_RETRY_SECONDS = 2;

/** The models of this node: those that answer, and those that soon will. */
export class ModelRegistry implements ModelService {
  readonly #served = new Map<string, ServedModel>();
  readonly #loading: Set<string>;

  /** `names`: the models that will be added. */
  constructor(names: readonly string[]) {
    this.#loading = new Set(names);
  }

  add(model: ServedModel): void {
    this.#loading.delete(model.name);
    this.#served.set(model.name, model);
  }

  list(): readonly ServedModel[] {
    return [...this.#served.values()];
  }

  /** Throws `OverloadedError` (503: come back) for a model that is being loaded. */
  get(name: string): ServedModel {
    const model = this.#served.get(name);
    if (model !== undefined) return model;
    if (this.#loading.has(name)) throw new OverloadedError(`The model "${name}" is still being loaded.`, LOADING_RETRY_SECONDS);
    throw new ModelNotFoundError(name, [...this.#served.keys()]);
  }
}
