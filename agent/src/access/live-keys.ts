import { readFileSync, statSync } from 'node:fs';
import { errorMessage, type Logger } from '@pippa/core';
import type { Caller, KeySource } from '@pippa/gateway';
import { parseKeys } from './key-file.ts';
import { keyDigest, type KeyRecord } from './key-record.ts';

/**
 * The keys of a file as it is now: a stat of some microseconds a request finds out whether it has changed, so that a revoked key is
 * refused at once. A file that cannot be read changes nothing: what was known still counts, and the log says so, once.
 */
export class LiveKeys implements KeySource {
  readonly #path: string;
  readonly #logger: Logger;
  #callers: ReadonlyMap<string, Caller> = new Map();
  #readVersion = '';

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  find(secret: string): Caller | undefined {
    this.#refresh();
    return this.#callers.get(keyDigest(secret));
  }

  hasKeys(): boolean {
    this.#refresh();
    return this.#callers.size > 0;
  }

  #refresh(): void {
    const version = this.#version();
    if (version === this.#readVersion) return;
    this.#readVersion = version;
    try {
      const keys = version === '' ? [] : parseKeys(readFileSync(this.#path, 'utf8'), this.#path);
      this.#callers = new Map(keys.map((key) => [key.sha256, callerOf(key)]));
    } catch (error) {
      this.#logger.error(
        { scope: 'keys', error: errorMessage(error) },
        'the key file cannot be used; the keys known before still count',
      );
    }
  }

  /** Empty when there is no file. Every change puts a new file in place, so its number alone tells. */
  #version(): string {
    const stat = statSync(this.#path, { throwIfNoEntry: false, bigint: true });
    return stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
  }
}

function callerOf({ id, name, scope, rate, concurrency }: KeyRecord): Caller {
  return { id, name, scope, ...(rate === undefined ? {} : { rate }), ...(concurrency === undefined ? {} : { concurrency }) };
}
