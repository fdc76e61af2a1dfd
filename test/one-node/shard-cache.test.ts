import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { serveAgent, type ServingAgent } from './support/agent-process.ts';

async function madeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'pippa-shard-cache-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return home;
}

const shardsIn = async (home: string): Promise<string[]> =>
  (await readdir(home, { recursive: true })).filter((path) => path.endsWith('.gguf')).map((path) => join(home, path));

const serveStages = (home: string, stages: number): Promise<ServingAgent> =>
  serveAgent(['--stages', String(stages), '--shard-cache', '0'], { environment: { HOME: home } });

// On Metal the weights are filled in from the model's own file.
it.skipIf(process.platform === 'darwin')('keeps the files of layers in use, and says which of earlier ones made room', async () => {
  const home = await madeHome();
  const first = await serveStages(home, 2);
  const used = await shardsIn(home);
  expect(used).toHaveLength(2);
  await first[Symbol.asyncDispose]();
  const longAgo = Date.now() / 1000 - 86_400;
  for (const path of used) await utimes(path, longAgo, longAgo);

  const second = await serveStages(home, 4);
  const now = await shardsIn(home);
  await second[Symbol.asyncDispose]();
  expect(now).toHaveLength(4);
  expect(now.filter((path) => used.includes(path))).toEqual([]);
  expect((await second.ended).stdout).toMatch(/Removed 2 files of layers .* \([\d.]+ MB\); --shard-cache keeps more/);
});
