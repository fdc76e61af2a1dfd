import { workerFile } from '@pippa/core';

/** The URL of a worker's entry file of this package, all of which lie beside this file. */
export const workerUrl = (name: string): URL => workerFile(name, import.meta.url);
