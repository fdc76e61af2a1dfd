import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelId, silentLogger } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DesiredRings } from '../src/node/desired-rings.ts';

const wish = (name: string): RingWish => ({
  model: { id: modelId(name.repeat(64).slice(0, 64)), name },
  parallelSequences: 4,
  lane: 'interactive',
  strategy: 'speed',
  activations: 'f32',
  keep: true,
  desired: true,
});

describe('rings that come back', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pippa-rings-'));
    path = join(folder, 'state', 'rings.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are remembered by the next agent, but for those taken down', async () => {
    const first = new DesiredRings(path, silentLogger);
    expect(await first.load()).toEqual([]);
    for (const name of ['a', 'b', 'a']) first.remember(wish(name));
    first.forget(wish('b').model.id);
    expect(await new DesiredRings(path, silentLogger).load()).toEqual([wish('a')]);
  });

  it('are forgotten when their file makes no sense, and remembered again', async () => {
    new DesiredRings(path, silentLogger).remember(wish('a'));
    for (const nonsense of ['', '{"rings": 1}', (await readFile(path, 'utf8')).slice(0, -9)]) {
      await writeFile(path, nonsense);
      const next = new DesiredRings(path, silentLogger);
      expect(await next.load()).toEqual([]);
      next.remember(wish('b'));
      expect(await new DesiredRings(path, silentLogger).load()).toEqual([wish('b')]);
    }
  });
});
