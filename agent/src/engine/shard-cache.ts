import { access, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@pippa/core';
import { freeDiskBytes } from '@pippa/models';
import { ShardFileError } from '../errors.ts';
import { whyNotWritten } from '../why-not-written.ts';
import { removeAbandonedParts } from './abandoned-parts.ts';

const ENDING = '.gguf';
/** Another agent of this machine may be about to open what it has just taken. Once it has, the file may go: its bytes stay for it. */
const RECENT_MS = 60_000;

export interface RemovedShards {
  readonly files: number;
  readonly bytes: number;
}

export interface ShardCacheOptions {
  readonly directory: string;
  /** Most bytes of disk that the files may take, those in use included; left out: no bound but the disk's. */
  readonly quotaBytes?: number | undefined;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Told what went to make room. */
  readonly onRemoved?: ((removed: RemovedShards) => void) | undefined;
  /** Bytes that are free on the disk of a folder. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

/** A shard's file, which stays where it is until it is released. */
export interface HeldShard {
  readonly path: string;
  release(): void;
}

interface Kept {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/**
 * Layers cut out of models, a file each. They can be cut again at any time, so that those that were used longest ago make room for others:
 * never what is in use or being written here. When a file was used is its time.
 */
export class ShardCache {
  readonly #options: ShardCacheOptions;
  /** How many hold the file of each path. */
  readonly #held = new Map<string, number>();
  /** Bytes of the files that are being written. */
  #comingBytes = 0;

  constructor(options: ShardCacheOptions) {
    this.#options = options;
  }

  /**
   * The file of the shard with this key, written to a path by `write` if it is not there. `byteLength`: most that it takes. Throws
   * `ShardFileError` where the disk is in the way, and what else `write` throws.
   */
  async take(key: string, byteLength: number, write: (path: string) => Promise<void>): Promise<HeldShard> {
    const { directory, clock } = this.#options;
    const path = join(directory, `${key}${ENDING}`);
    const release = this.#hold(path);
    try {
      await mkdir(directory, { recursive: true });
      // Another agent, too, lets be what was used just now.
      await this.#note(path);
      if (!(await exists(path))) {
        await removeAbandonedParts(directory, clock.wallMs());
        await this.#write(path, byteLength, write);
      }
    } catch (error) {
      release();
      const why = whyNotWritten(error);
      throw why === undefined ? error : new ShardFileError(directory, byteLength, why, error);
    }
    return {
      path,
      release: () => {
        void this.#note(path);
        release();
      },
    };
  }

  /** Lets go of what is over the bound, as after it was set lower. Never throws. */
  async tidy(): Promise<void> {
    await this.#makeRoom(0);
  }

  async #write(path: string, byteLength: number, write: (path: string) => Promise<void>): Promise<void> {
    this.#comingBytes += byteLength;
    try {
      await this.#makeRoom(this.#comingBytes);
      await write(path);
    } finally {
      this.#comingBytes -= byteLength;
    }
  }

  /** What cannot be removed stays: whether there is room shows when a file is written. */
  async #makeRoom(comingBytes: number): Promise<void> {
    const { directory, quotaBytes = Number.POSITIVE_INFINITY, clock, onRemoved, freeBytes = freeDiskBytes } = this.#options;
    const kept = await this.#kept();
    const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
    const free = await freeBytes(directory).catch(() => Number.POSITIVE_INFINITY);
    let left = Math.max(total + comingBytes - quotaBytes, comingBytes - free);
    let removed: RemovedShards = { files: 0, bytes: 0 };
    for (const { path, bytes, usedMs } of kept.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (left <= 0) break;
      if (this.#held.has(path) || clock.wallMs() - usedMs < RECENT_MS || !(await remove(path))) continue;
      left -= bytes;
      removed = { files: removed.files + 1, bytes: removed.bytes + bytes };
    }
    if (removed.files > 0) onRemoved?.(removed);
  }

  async #kept(): Promise<Kept[]> {
    const { directory } = this.#options;
    const names = await readdir(directory).catch(() => []);
    const kept: Kept[] = [];
    for (const name of names.filter((each) => each.endsWith(ENDING))) {
      const path = join(directory, name);
      const facts = await stat(path).catch(() => undefined);
      if (facts?.isFile() === true) kept.push({ path, bytes: facts.size, usedMs: facts.mtimeMs });
    }
    return kept;
  }

  #hold(path: string): () => void {
    this.#held.set(path, (this.#held.get(path) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const others = (this.#held.get(path) ?? 1) - 1;
      if (others === 0) this.#held.delete(path);
      else this.#held.set(path, others);
    };
  }

  /** A folder that cannot be written to keeps its files in the order of their making. */
  async #note(path: string): Promise<void> {
    const now = this.#options.clock.wallMs() / 1000;
    await utimes(path, now, now).catch(() => {});
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function remove(path: string): Promise<boolean> {
  return rm(path).then(
    () => true,
    () => false,
  );
}
