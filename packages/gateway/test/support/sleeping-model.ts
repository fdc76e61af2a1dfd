import type { LoadOptions, LoadProgress } from '@pippa/core';
import { ScriptedModel } from './scripted-model.ts';

/** A model that answers once a test lets it. */
export class SleepingModel extends ScriptedModel {
  ready = false;
  loading: LoadProgress | undefined;
  #listeners: LoadOptions['onProgress'][] = [];
  readonly #loaded = Promise.withResolvers<void>();

  get waiting(): number {
    return this.#listeners.length;
  }

  load({ onProgress }: LoadOptions): Promise<void> {
    this.#listeners.push(onProgress);
    return this.#loaded.promise;
  }

  reach(fraction: number, elapsedMs = 1000): void {
    this.loading = { fraction, message: 'studio loads layers 0 to 3', elapsedMs };
    for (const listener of this.#listeners) listener(this.loading);
  }

  finish(): void {
    this.ready = true;
    this.loading = undefined;
    this.#loaded.resolve();
  }

  fail(error: Error): void {
    this.#loaded.reject(error);
  }
}
