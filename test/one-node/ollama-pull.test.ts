import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HubServer, writeTinyModel } from '@pippa/testing';
import { Ollama, type ProgressResponse } from 'ollama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveAgent, type ServingAgent } from './support/agent-process.ts';

let home: string;
let hub: HubServer;
let agent: ServingAgent;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'pippa-ollama-'));
  hub = await HubServer.start();
  const file = join(home, 'random.gguf');
  await writeTinyModel(file, { layers: 2, quantisation: 'f16' });
  hub.addFile('pippa/Tiny-GGUF', 'Tiny-F16.gguf', await readFile(file));
  agent = await serveAgent([], { environment: { HOME: home, HF_ENDPOINT: hub.url, NO_PROXY: '*', no_proxy: '*' } });
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

describe('the ollama client', () => {
  it('pulls a model, finds it in the list, and asks it', async () => {
    const client = new Ollama({ host: agent.url });
    const lines: ProgressResponse[] = [];
    for await (const line of await client.pull({ model: 'pippa/Tiny-GGUF', stream: true })) lines.push(line);
    expect(lines[0]).toEqual({ status: 'pulling manifest' });
    expect(lines.at(-1)).toEqual({ status: 'success' });
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(['pippa-tiny', 'Tiny:F16']));
    // Loaded when it is asked.
    expect((await client.ps()).models.map(({ name }) => name)).toEqual(['pippa-tiny']);
    const answer = await client.chat({
      model: 'tiny',
      messages: [{ role: 'user', content: 'Hello' }],
      options: { num_predict: 5 },
    });
    expect(answer).toMatchObject({ model: 'tiny', done: true });
    expect((await client.ps()).models).toHaveLength(2);
    expect(await client.pull({ model: 'pippa/Tiny-GGUF' })).toEqual({ status: 'success' });
  });

  it('is told why a model cannot be pulled, and gets no files of the machine', async () => {
    const client = new Ollama({ host: agent.url });
    await expect(client.pull({ model: 'pippa/None' })).rejects.toThrow(/could not be fetched/);
    await expect(client.pull({ model: '/etc/passwd' })).rejects.toThrow(/neither a model of the hub/);
    await expect(client.pull({ model: `${hub.url}/x.gguf` })).rejects.toThrow(/neither a model of the hub/);
  });
});
