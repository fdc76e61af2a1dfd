import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { errorMessage, type Logger } from '@pippa/core';
import { z } from 'zod';
import { sameStamp, type FileStamp } from './file-stamp.ts';
import { modelFacts, type ModelFacts } from './model-facts.ts';

/** Some 10 KB a model; far more models than anybody has. */
const MAX_ENTRIES = 4096;
const MAX_BYTES = 128 * 1024 * 1024;
/** Grows when facts change their meaning: what was remembered before is forgotten. */
const VERSION = 1;

const entry = z.object({
  stamp: z.object({ path: z.string(), bytes: z.number(), modifiedMs: z.number() }),
  facts: modelFacts,
});
const schema = z.object({ version: z.literal(VERSION), entries: z.array(entry).max(MAX_ENTRIES) });

/** Facts of model files, kept between runs: a header is read again only when its file has changed. */
export class FactsMemory {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #entries = new Map<string, z.output<typeof entry>>();
  #loaded = false;
  #changed = false;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  async load(): Promise<void> {
    if (this.#loaded) return;
    this.#loaded = true;
    try {
      if ((await stat(this.#path)).size > MAX_BYTES) return;
      for (const item of schema.parse(JSON.parse(await readFile(this.#path, 'utf8'))).entries)
        this.#entries.set(item.stamp.path, item);
    } catch {
      // Not there yet, of another version or damaged: all can be read again.
    }
  }

  get(stamp: FileStamp): ModelFacts | undefined {
    const known = this.#entries.get(stamp.path);
    return known !== undefined && sameStamp(known.stamp, stamp) ? known.facts : undefined;
  }

  set(stamp: FileStamp, facts: ModelFacts): void {
    this.#entries.delete(stamp.path);
    this.#entries.set(stamp.path, { stamp, facts });
    this.#changed = true;
    // The oldest go first.
    for (const path of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) break;
      this.#entries.delete(path);
    }
  }

  /** Writes what is new. A failure costs time at the next start, nothing else. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    this.#changed = false;
    const temporary = `${this.#path}.${randomUUID()}.part`;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFile(temporary, JSON.stringify({ version: VERSION, entries: [...this.#entries.values()] }));
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      this.#logger.debug({ path: this.#path, error: errorMessage(error) }, 'the facts of models cannot be remembered');
    }
  }
}
