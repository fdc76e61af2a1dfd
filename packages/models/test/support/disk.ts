import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeTinyModel } from '@pippa/testing';

/** A folder of its own for a test. */
export class Disk implements AsyncDisposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(): Promise<Disk> {
    return new Disk(await mkdtemp(join(tmpdir(), 'pippa-models-')));
  }

  /** A folder that another process made. */
  static at(root: string): Disk {
    return new Disk(root);
  }

  path(relative: string): string {
    return join(this.root, relative);
  }

  async text(relative: string, content: string): Promise<string> {
    const path = this.path(relative);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  /** A model with random weights; other seeds, other models. */
  async model(relative: string, seed = 1, options: Parameters<typeof writeTinyModel>[1] = {}): Promise<string> {
    const path = this.path(relative);
    await mkdir(dirname(path), { recursive: true });
    await writeTinyModel(path, { seed, layers: 2, ...options });
    return path;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }
}
