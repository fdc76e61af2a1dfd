import { execFileSync } from 'node:child_process';
import { serveAgent } from '../one-node/support/agent-process.ts';
import { defineBench } from './harness/define.ts';

export default defineBench({
  title: 'memory of an agent that serves no model',
  rounds: 3,
  async run(context) {
    const samples: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      const agent = await serveAgent(['--model', 'none']);
      // What answering needs is loaded, too.
      for (const path of ['/health', '/v1/models', '/openapi.json']) await (await fetch(agent.url + path)).arrayBuffer();
      const kibibytes = execFileSync('ps', ['-o', 'rss=', '-p', String(agent.process.pid)], { encoding: 'utf8' });
      samples.push(Number(kibibytes) / 1024);
      await agent[Symbol.asyncDispose]();
    }
    return [{ name: 'resident memory, idle', unit: 'MiB', samples, target: { atMost: 143 } }];
  },
});
