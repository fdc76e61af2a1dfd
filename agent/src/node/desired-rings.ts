import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, type Logger, type ModelId } from '@pippa/core';
import { ringWishSchema, type RingWish } from '@pippa/protocol';
import type { RingJournal } from '@pippa/ring';
import { z } from 'zod';

/** More rings than a house has models. */
const MAX_RINGS = 64;

const fileSchema = z.object({ rings: z.array(ringWishSchema).max(MAX_RINGS) });

/**
 * The rings that were brought up by hand and not taken down, in a file of the state folder. Written as a whole, to the disk, before it takes
 * the old one's place: a crash leaves the one or the other.
 */
export class DesiredRings implements RingJournal {
  readonly #path: string;
  readonly #logger: Logger;
  #rings: readonly RingWish[] = [];

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** What the file says; nothing when it is missing. One that makes no sense is told and left out. */
  async load(): Promise<readonly RingWish[]> {
    try {
      this.#rings = fileSchema.parse(JSON.parse(await readFile(this.#path, 'utf8'))).rings;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn(
          { scope: 'rings', path: this.#path, error: errorMessage(error) },
          'the rings to bring back cannot be read',
        );
      }
    }
    return this.#rings;
  }

  remember(wish: RingWish): void {
    const others = this.#rings.filter((each) => each.model.id !== wish.model.id);
    this.#write([...others, wish].slice(-MAX_RINGS));
  }

  forget(model: ModelId): void {
    if (this.#rings.some((each) => each.model.id === model)) this.#write(this.#rings.filter((each) => each.model.id !== model));
  }

  #write(rings: readonly RingWish[]): void {
    this.#rings = rings;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      const temporary = `${this.#path}.new`;
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeSync(file, JSON.stringify({ rings }, undefined, 2));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.#path);
    } catch (error) {
      this.#logger.warn({ scope: 'rings', path: this.#path, error: errorMessage(error) }, 'the rings to bring back cannot be kept');
    }
  }
}
