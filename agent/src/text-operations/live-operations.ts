import type { Logger } from '@pippa/core';
import type { TextOperations } from '@pippa/gateway';
import { loadOperations, operationFiles, type LoadedOperations } from './load-operations.ts';

/**
 * The operations that come with the agent and those of the user's folder, which go before them. The folder is looked at with every
 * request, which takes a fraction of a millisecond, and read again when something in it changed; the log tells of bad files, once.
 */
export class LiveOperations implements TextOperations {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #shipped: LoadedOperations;
  #version = '';
  #known: LoadedOperations;

  constructor({ shipped, own, logger }: { readonly shipped: string; readonly own: string; readonly logger: Logger }) {
    this.#directory = own;
    this.#logger = logger;
    this.#shipped = loadOperations(shipped, operationFiles(shipped), 'shipped');
    this.#known = this.#shipped;
  }

  list(): LoadedOperations {
    const files = operationFiles(this.#directory);
    const version = files.map((file) => `${file.name}:${file.version}`).join('\n');
    if (version !== this.#version) {
      this.#version = version;
      this.#known = this.#merge(loadOperations(this.#directory, files, 'file'));
    }
    return this.#known;
  }

  #merge(own: LoadedOperations): LoadedOperations {
    for (const { file, message } of own.problems) {
      this.#logger.warn({ scope: 'text', file, folder: this.#directory }, `a text operation cannot be used: ${message}`);
    }
    const names = new Set(own.operations.map(({ name }) => name));
    // One whose own file is broken does not silently do what the shipped one does.
    for (const { file } of own.problems) names.add(file.replace(/\.toml$/, ''));
    const operations = [...own.operations, ...this.#shipped.operations.filter(({ name }) => !names.has(name))];
    return { operations: operations.sort((a, b) => a.name.localeCompare(b.name)), problems: own.problems };
  }
}
