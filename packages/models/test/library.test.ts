import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, symlink, truncate, utimes, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { silentLogger, systemClock, type Clock } from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLibrary, modelPlaces, removeModel, type Library } from '../src/index.ts';
import { Disk } from './support/disk.ts';

let disk: Disk;
beforeEach(async () => {
  disk = await Disk.create();
});
afterEach(() => disk[Symbol.asyncDispose]());

function library(options: { readonly asked?: readonly string[]; readonly clock?: Clock } = {}): Library {
  const places = modelPlaces({
    embedded: disk.path('embedded'),
    asked: options.asked ?? [],
    own: disk.path('own'),
    environment: {},
    home: disk.root,
    platform: 'darwin',
  });
  return createLibrary({
    places,
    memoryPath: disk.path('cache/library.json'),
    clock: options.clock ?? systemClock,
    logger: silentLogger,
  });
}

const where = async (asked = library()): Promise<Record<string, string | undefined>> =>
  Object.fromEntries((await asked.refresh()).map((entry) => [entry.name, entry.paths[0]?.slice(disk.root.length + 1)]));

describe('the library', () => {
  it('finds models as they lie in a folder, in one of an author, in one of a repository, and no deeper', async () => {
    await disk.model('own/plain.gguf', 1);
    await disk.model('own/author/Nonsense-Q8_0.gguf', 2);
    await disk.model('own/author/Repo-GGUF/other.Q4_K_M.gguf', 3);
    await disk.model('own/too/deep/to/be.gguf', 4);
    await disk.text('own/notes.txt', '');
    expect(await where()).toEqual({
      plain: 'own/plain.gguf',
      'Nonsense:Q8_0': 'own/author/Nonsense-Q8_0.gguf',
      'other:Q4_K_M': 'own/author/Repo-GGUF/other.Q4_K_M.gguf',
    });
  });

  it('finds what Ollama, LM Studio, Hugging Face and llama.cpp hold, where they hold it', async () => {
    const digest = 'a'.repeat(64);
    await disk.model(`.ollama/models/blobs/sha256-${digest}`, 1);
    const layers = [{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}`, size: 1 }];
    await disk.text('.ollama/models/manifests/registry.ollama.ai/library/llama3.2/latest', JSON.stringify({ layers }));
    await disk.text('.ollama/models/manifests/registry.ollama.ai/library/broken/1b', 'not JSON');
    await disk.model('.lmstudio/models/author/Studio-GGUF/Studio-Q4_0.gguf', 2);
    const blob = await disk.model('.cache/huggingface/hub/models--org--Hub-GGUF/blobs/abc', 3);
    for (const revision of ['one', 'two']) {
      const link = disk.path(`.cache/huggingface/hub/models--org--Hub-GGUF/snapshots/${revision}/Hub-Q6_K.gguf`);
      await mkdir(dirname(link), { recursive: true });
      await symlink(blob, link);
    }
    await disk.model('Library/Caches/llama.cpp/ggml-org_Under_score-GGUF_Under_score-F16.gguf', 4);
    const asked = library();
    expect(await where(asked)).toEqual({
      'llama3.2:latest': `.ollama/models/blobs/sha256-${digest}`,
      'Studio:Q4_0': '.lmstudio/models/author/Studio-GGUF/Studio-Q4_0.gguf',
      'Hub:Q6_K': '.cache/huggingface/hub/models--org--Hub-GGUF/snapshots/one/Hub-Q6_K.gguf',
      'Under_score:F16': 'Library/Caches/llama.cpp/ggml-org_Under_score-GGUF_Under_score-F16.gguf',
    });
    for (const [name, found] of [
      ['llama3.2', 'llama3.2:latest'],
      ['hf:org/Hub-GGUF:q6_k', 'Hub:Q6_K'],
      ['ggml-org/Under_score:F16', 'Under_score:F16'],
      ['studio', 'Studio:Q4_0'],
      ['Studio-Q4_0', 'Studio:Q4_0'],
    ] as const)
      expect((await asked.resolve(name)).name).toBe(found);
  });

  it('takes the parts of a split model for one, and tells a projector apart', async () => {
    await disk.model('own/big-00001-of-00002.gguf');
    await disk.model('own/big-00002-of-00002.gguf');
    await disk.model('own/sight/Seer-Q8_0.gguf', 2);
    await disk.model('own/sight/mmproj-Seer-F16.gguf', 3);
    const entries = await library().refresh();
    // These parts are no real ones: what the reader says of them is told.
    expect(entries.find((entry) => entry.name === 'big')).toMatchObject({ kind: 'broken', error: expect.any(String) });
    expect(entries.find((entry) => entry.name === 'Seer:Q8_0')).toMatchObject({
      kind: 'model',
      projectorPath: disk.path('own/sight/mmproj-Seer-F16.gguf'),
    });
    expect(entries).toHaveLength(2);
  });

  it('prefers earlier places, and a path that is there over any name', async () => {
    await disk.model('first/same.gguf', 1);
    await disk.model('second/same.gguf', 2);
    const asked = library({ asked: [disk.path('nowhere'), disk.path('first'), disk.path('second')] });
    expect((await asked.resolve('SAME')).paths).toEqual([disk.path('first/same.gguf')]);
    const path = await disk.model('elsewhere/here.gguf', 3);
    expect(await asked.resolve(path)).toMatchObject({ kind: 'model', name: 'here', paths: [path] });
    // Peers get it like any other, as long as it is there.
    expect(asked.models().map(({ name }) => name)).toContain('here');
    await asked.refresh();
    expect(asked.models().map(({ name }) => name)).toContain('here');
    await rm(path);
    await asked.refresh();
    expect(asked.models().map(({ name }) => name)).not.toContain('here');
  });

  it('gives two copies of one model the same id, and another model another', async () => {
    await disk.model('own/a.gguf', 1);
    await disk.model('.lmstudio/models/x/y/b.gguf', 1);
    await disk.model('own/c.gguf', 2);
    const asked = library();
    const [a, c, b] = (await asked.refresh()).map((entry) => (entry.kind === 'model' ? entry.id : undefined));
    expect(a).toMatch(/^[0-9a-f]{64}$/);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
    expect(asked.models()).toHaveLength(2);
  });

  it('names the models there are when one is not', async () => {
    await disk.model('own/one.gguf');
    await disk.model('own/two.gguf', 2);
    await expect(library().resolve('onne')).rejects.toMatchObject({
      name: 'NoSuchModelError',
      message: 'There is no model "onne". Did you mean one?',
      hint: expect.stringContaining('one, two'),
    });
    await expect(library().resolve('./gone.gguf')).rejects.toMatchObject({ name: 'NoSuchModelError' });
  });

  it('tells what is wrong with a file that is no model', async () => {
    await disk.text('own/letter.gguf', 'Dear reader,');
    await truncate(await disk.model('own/cut.gguf'), 100_000);
    expect(await library().refresh()).toMatchObject([
      { kind: 'broken', name: 'cut', error: expect.any(String) },
      { kind: 'broken', name: 'letter', error: expect.stringContaining('not a GGUF') },
    ]);
  });

  it('remembers what it read as long as the file stays the same', async () => {
    const path = await disk.model('own/kept.gguf', 1);
    const [before] = await library().refresh();
    // Same size, same time: it is not read again, so that nothing but the memory can answer.
    const status = await stat(path);
    await writeFile(path, new Uint8Array(status.size));
    await utimes(path, status.atime, status.mtime);
    const memory = await readFile(disk.path('cache/library.json'), 'utf8');
    const stamped = JSON.parse(memory) as { entries: { stamp: { modifiedMs: number } }[] };
    for (const entry of stamped.entries) entry.stamp.modifiedMs = (await stat(path)).mtimeMs;
    await writeFile(disk.path('cache/library.json'), JSON.stringify(stamped));
    expect(await library().refresh()).toEqual([before]);
    await utimes(path, new Date(), new Date(1_000_000));
    expect(await library().refresh()).toMatchObject([{ kind: 'broken' }]);
  });

  it('reads everything again when its memory is damaged', async () => {
    await disk.model('own/a.gguf');
    await disk.text('cache/library.json', '{"version": 1, "entries": [{}]}');
    expect(await library().refresh()).toMatchObject([{ kind: 'model', name: 'a' }]);
  });

  it('watches: tells of a file that came and of one that went', async () => {
    const due: (() => void)[] = [];
    const clock: Clock = { ...systemClock, schedule: (_, callback) => (due.push(callback), () => void due.splice(0)) };
    const watching = library({ clock });
    await watching.start();
    const next = async (): Promise<readonly string[]> => {
      const changed = new Promise<void>((resolve) => {
        const stop = watching.onChanged(() => (stop(), resolve()));
      });
      while (due.length === 0) await new Promise((resolve) => setImmediate(resolve));
      due.shift()?.();
      await changed;
      return watching.list().map((entry) => entry.name);
    };
    const path = await disk.model('own/new.gguf');
    expect(await next()).toEqual(['new']);
    await rm(path);
    expect(await next()).toEqual([]);
    await watching.stop();
    await watching.stop();
  });

  it('takes a projector along with the last model that it goes with', async () => {
    await disk.model('own/author/Seer-GGUF/Seer-Q4_0.gguf', 1);
    await disk.model('own/author/Seer-GGUF/Seer-Q8_0.gguf', 2);
    await disk.model('own/author/Seer-GGUF/mmproj-Seer-F16.gguf', 3);
    const own = library();
    await removeModel(await own.resolve('Seer:Q4_0'));
    const folder = disk.path('own/author/Seer-GGUF');
    expect((await readdir(folder)).toSorted()).toEqual(['Seer-Q8_0.gguf', 'mmproj-Seer-F16.gguf']);
    await removeModel(await own.resolve('Seer:Q8_0'));
    expect(await readdir(disk.path('own'))).toEqual([]);
  });

  it('removes from its own folder, and nothing anywhere else', async () => {
    await disk.model('own/author/repo/Mine-Q8_0.gguf', 1);
    const theirs = await disk.model('.lmstudio/models/a/b/Theirs-Q8_0.gguf', 2);
    const digest = createHash('sha256')
      .update(await readFile(theirs))
      .digest('hex');
    const asked = library();
    expect(await removeModel(await asked.resolve('mine'))).toBeGreaterThan(100_000);
    await expect(stat(disk.path('own/author'))).rejects.toThrow('ENOENT');
    await expect(removeModel(await asked.resolve('theirs'))).rejects.toMatchObject({
      name: 'NotOwnModelError',
      hint: expect.stringContaining('LM Studio'),
    });
    expect(
      createHash('sha256')
        .update(await readFile(theirs))
        .digest('hex'),
    ).toBe(digest);
  });
});
