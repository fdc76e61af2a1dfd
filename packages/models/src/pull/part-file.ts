import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../pieces/table-file.ts';
import { PULL_LIMITS } from './limits.ts';

/** What makes two downloads the same: a part of one is no part of another. */
export interface PartIdentity {
  readonly url: string;
  readonly byteLength: number;
  readonly sha256: string | undefined;
  readonly etag: string | undefined;
}

const stateSchema = z.object({
  url: z.string(),
  byteLength: z.int().min(1),
  sha256: z.string().optional(),
  etag: z.string().optional(),
  /** Bytes of each segment that are on disk, from its beginning. */
  done: z.array(z.int().min(0)).max(PULL_LIMITS.segments),
});

/** A stretch of the file that one connection gets. */
export interface Segment {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** Bytes that have come, from the beginning. */
  done: number;
}

/**
 * A file on its way: `<target>.part` of the full length, and `<target>.part.json`, which says how much of each segment is there. Data is
 * synced before it is said to be there.
 */
export class PartFile {
  readonly target: string;
  readonly byteLength: number;
  readonly segments: readonly Segment[];
  readonly #identity: PartIdentity;
  readonly #handle: FileHandle;
  #saving: Promise<void> = Promise.resolve();

  private constructor(target: string, identity: PartIdentity, handle: FileHandle, segments: readonly Segment[]) {
    this.target = target;
    this.byteLength = identity.byteLength;
    this.segments = segments;
    this.#identity = identity;
    this.#handle = handle;
  }

  /** Goes on with what an earlier pull of the same file left. */
  static async open(target: string, identity: PartIdentity): Promise<PartFile> {
    await mkdir(dirname(target), { recursive: true });
    const known = await readState(target, identity);
    const segments: Segment[] = [];
    for (let offset = 0; offset < identity.byteLength; offset += PULL_LIMITS.segmentBytes) {
      const length = Math.min(PULL_LIMITS.segmentBytes, identity.byteLength - offset);
      segments.push({ index: segments.length, offset, length, done: Math.min(length, known?.[segments.length] ?? 0) });
    }
    const path = partPath(target);
    await (await open(path, 'a')).close();
    const handle = await open(path, 'r+');
    await handle.truncate(identity.byteLength);
    return new PartFile(target, identity, handle, segments);
  }

  get path(): string {
    return partPath(this.target);
  }

  get doneBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.done, 0);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  /** The first four bytes. */
  async magic(): Promise<string> {
    const bytes = Buffer.alloc(4);
    await this.#handle.read(bytes, 0, 4, 0);
    return bytes.toString('latin1');
  }

  /** Settles when what has come so far is on disk, and said to be. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const done = this.segments.map((segment) => segment.done);
      await this.#handle.datasync();
      const path = statePath(this.target);
      const temporary = `${path}.${randomUUID()}`;
      await writeFile(temporary, JSON.stringify({ ...this.#identity, done }));
      await rename(temporary, path);
    });
    return this.#saving;
  }

  async close(): Promise<void> {
    await this.#saving.catch(() => {});
    await this.#handle.close();
  }

  /** The file gets its name. */
  async finish(): Promise<void> {
    await this.#handle.datasync();
    await this.close();
    await rename(this.path, this.target);
    await rm(statePath(this.target), { force: true });
    await syncFolder(dirname(this.target));
  }

  /** Nothing of it stays. */
  async discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
    await rm(statePath(this.target), { force: true });
  }
}

function partPath(target: string): string {
  return `${target}.part`;
}

function statePath(target: string): string {
  return `${target}.part.json`;
}

/** Bytes of an earlier pull of this target that are on disk; 0 for none. */
export async function resumableBytes(target: string): Promise<number> {
  try {
    const { done } = stateSchema.parse(JSON.parse(await readFile(statePath(target), 'utf8')));
    return done.reduce((sum, bytes) => sum + bytes, 0);
  } catch {
    return 0;
  }
}

async function readState(target: string, identity: PartIdentity): Promise<readonly number[] | undefined> {
  try {
    const state = stateSchema.parse(JSON.parse(await readFile(statePath(target), 'utf8')));
    const isSame =
      state.byteLength === identity.byteLength &&
      // A stated hash settles it; else address and version must be the same.
      (identity.sha256 === undefined
        ? state.sha256 === undefined && state.url === identity.url && identity.etag !== undefined && state.etag === identity.etag
        : state.sha256 === identity.sha256);
    return isSame && (await stat(partPath(target))).size === identity.byteLength ? state.done : undefined;
  } catch {
    return undefined;
  }
}
