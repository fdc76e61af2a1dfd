import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findModelFiles, modelNameOf } from '../src/library/find-models.ts';
import { resolveModel } from '../src/library/resolve-model.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-library-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function files(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), '');
  }
}

describe('the model library', () => {
  it('finds files as they lie in a folder, in one of an author, in one of a repository, and no deeper', async () => {
    await files('b.gguf', 'author/a.gguf', 'author/repository/c.gguf', 'too/deep/to/be.gguf', 'notes.txt');
    const found = await findModelFiles([directory]);
    expect(found.map((path) => path.slice(directory.length + 1))).toEqual(['author/a.gguf', 'author/repository/c.gguf', 'b.gguf']);
  });

  it('takes the parts of a split model for one model, named without their numbers', async () => {
    await files('big-00001-of-00002.gguf', 'big-00002-of-00002.gguf');
    expect((await findModelFiles([directory])).map(modelNameOf)).toEqual(['big']);
    expect(await resolveModel('big', [directory])).toBe(join(directory, 'big-00001-of-00002.gguf'));
  });

  it('looks through the folders in order, and not at one that is not there', async () => {
    await files('first/same.gguf', 'second/same.gguf', 'second/other.gguf');
    const folders = [join(directory, 'nowhere'), join(directory, 'first'), join(directory, 'second')];
    expect(await resolveModel('same', folders)).toBe(join(directory, 'first/same.gguf'));
    expect(await resolveModel('OTHER', folders)).toBe(join(directory, 'second/other.gguf'));
  });

  it('prefers a path that is there over a name', async () => {
    await files('here.gguf');
    expect(await resolveModel(join(directory, 'here.gguf'), [])).toBe(join(directory, 'here.gguf'));
  });

  it('names the models there are when one is not', async () => {
    await files('one.gguf', 'two.gguf');
    await expect(resolveModel('onne', [directory])).rejects.toMatchObject({
      name: 'NoSuchModelError',
      message: 'There is no model "onne". Did you mean one?',
      hint: expect.stringContaining('one, two'),
    });
  });
});
