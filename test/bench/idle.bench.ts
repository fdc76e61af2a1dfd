import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repository, serveAgent } from '../one-node/support/agent-process.ts';
import { benchDirectory } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';

export default defineBench({
  title: 'memory of an agent as it is published, in a mesh of its own, that serves no model',
  rounds: 3,
  async run(context) {
    const command = await publishedAgent();
    const samples: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      const agent = await serveAgent(['--model', 'none'], { command });
      // What answering needs is loaded, too.
      for (const path of ['/health', '/v1/models', '/openapi.json']) await (await fetch(agent.url + path)).arrayBuffer();
      const kibibytes = execFileSync('ps', ['-o', 'rss=', '-p', String(agent.process.pid)], { encoding: 'utf8' });
      samples.push(Number(kibibytes) / 1024);
      await agent[Symbol.asyncDispose]();
    }
    return [{ name: 'resident memory, idle', unit: 'MiB', samples, target: { atMost: 143 } }];
  },
});

/** The bundle without the sources beside it, which the command line would take: stripping their types takes 40 MB more. */
async function publishedAgent(): Promise<{ readonly file: string; readonly words: readonly string[] }> {
  execFileSync(process.execPath, [join(repository, 'scripts/build.ts')], { stdio: 'ignore' });
  const target = join(benchDirectory, 'agent');
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  for (const part of ['package.json', 'bin', 'dist', 'models'])
    await cp(join(repository, 'agent', part), join(target, part), { recursive: true });
  return { file: process.execPath, words: [join(target, 'bin/pippa-agent.mjs')] };
}
