import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository, runCommand, serveAgent, startCommand, type ServingAgent } from './support/agent-process.ts';

const QUESTION = 'What is pippa-agent?';
const ANSWER = /pippa-agent/;
const demoModel = join(repository, 'agent/models/pippa-tiny.gguf');

let directory: string;
/** Random weights: it never finds an end, so its answers last as long as a test needs. */
let babbler: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-command-line-'));
  babbler = join(directory, 'babbler.gguf');
  await writeTinyModel(babbler, { layers: 16, embeddingLength: 256, feedForwardLength: 1024, contextLength: 32_768 });
});
afterAll(() => rm(directory, { recursive: true }));

async function stop(agent: ServingAgent): Promise<void> {
  await agent[Symbol.asyncDispose]();
}

/** A streamed answer that has begun. */
async function beginAnswer(url: string, maxTokens: number): Promise<AsyncIterator<Uint8Array>> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'babbler',
      prompt: 'Once',
      max_tokens: maxTokens,
      stream: true,
      logit_bias: {},
      ignore_eos: true,
    }),
  });
  if (response.body === null || !response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  const chunks = response.body[Symbol.asyncIterator]();
  await chunks.next();
  return chunks;
}

async function restOf(chunks: AsyncIterator<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next())
    text += decoder.decode(chunk.value, { stream: true });
  return text;
}

describe('the serving agent', () => {
  it('finishes the answers under way when asked to stop, and takes no new ones', async () => {
    const agent = await serveAgent(['--model', babbler, '--context', '4096']);
    const chunks = await beginAnswer(agent.url, 200);
    agent.process.kill('SIGINT');
    expect(await restOf(chunks)).toMatch(/"finish_reason":"length"[\s\S]*\[DONE\]/);
    expect(await agent.ended).toMatchObject({ code: 0, stderr: '' });
    await expect(fetch(`${agent.url}/health`)).rejects.toThrow();
  });

  it('ends at once with 130 when told twice', async () => {
    const agent = await serveAgent(['--model', babbler, '--context', '32000']);
    const chunks = await beginAnswer(agent.url, 30_000);
    agent.process.kill('SIGINT');
    agent.process.kill('SIGTERM');
    await expect(restOf(chunks)).rejects.toThrow();
    expect(await agent.ended).toMatchObject({ code: 130 });
  });

  it('answers when it is started again after it was killed', async () => {
    const words = ['--state-dir', join(directory, 'killed')];
    const killed = await serveAgent(words);
    killed.process.kill('SIGKILL');
    await killed.ended;
    const agent = await serveAgent(words);
    try {
      const { stdout } = await runCommand(['run', '--port', String(agent.port), 'pippa-tiny', QUESTION]);
      expect(stdout).toMatch(ANSWER);
    } finally {
      await stop(agent);
    }
  });

  it('serves several models by name, its own folder and the environment included', async () => {
    await copyFile(demoModel, join(directory, 'renamed.gguf'));
    const environment = { PIPPA_MODEL: 'renamed,pippa-tiny', PIPPA_MODEL_DIR: directory };
    const agent = await serveAgent([], { environment });
    try {
      const models = (await (await fetch(`${agent.url}/v1/models`)).json()) as {
        readonly data: readonly { readonly id: string }[];
      };
      // What else lies on disk comes after those that were asked for.
      expect(models.data.map((model) => model.id).slice(0, 2)).toEqual(['renamed', 'pippa-tiny']);
    } finally {
      await stop(agent);
    }
  });

  it('reads its configuration file', async () => {
    const config = join(directory, 'agent.toml');
    await writeFile(config, 'model = "none"\nlog-level = "info"\n');
    const agent = await serveAgent(['--config', config]);
    expect(agent.banner).toMatch(/model +none/);
    await stop(agent);
    expect((await agent.ended).stderr).toContain('"msg":"listening"');
  });

  it('refuses a model that does not fit into memory, with what it needs and what there is', async () => {
    const huge = join(directory, 'huge.gguf');
    await writeTinyModel(huge, { layers: 8, contextLength: 1_048_576 });
    const ended = await runCommand(['--port', '0', '--model', huge, '--context', '1000000', '--parallel', '64']);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(
      /^error: huge needs [\d.]+ GB .* has [\d.]+ GB free.*needs [\d.]+ GB more.*\n.*context of \d+ tokens/,
    );
  });

  it('says what is wrong with a model that it cannot load, and what to do', async () => {
    const whole = await readFile(babbler);
    const cut = join(directory, 'cut.gguf');
    await writeFile(cut, whole.subarray(0, whole.length / 2));
    const foreign = join(directory, 'foreign.gguf');
    await writeFile(foreign, whole.toString('latin1').replaceAll('llama', 'zlama'), 'latin1');
    for (const words of [
      ['show', cut],
      ['--port', '0', '--model', cut],
    ])
      expect((await runCommand(words)).stderr).toMatch(/^error: .*cut\.gguf cannot be used: .*\nDownload the file again/);
    expect((await runCommand(['--port', '0', '--model', foreign])).stderr).toMatch(
      /^error: .* does not know its architecture, zlama\.\nUpdate pippa-agent/,
    );
  });

  it('says where a model can be cut when asked for too many stages', async () => {
    const ended = await runCommand(['--port', '0', '--stages', '64']);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/at most \d+ stages/) });
  });
});

describe('pippa-agent run', () => {
  it('asks the running agent, and loads the model itself when there is none', async () => {
    const agent = await serveAgent(['--model', demoModel]);
    const port = ['--port', String(agent.port)];
    try {
      expect(await runCommand(['run', ...port, 'pippa-tiny', QUESTION])).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(ANSWER),
        stderr: '',
      });
      const counted: unknown = await (await fetch(`${agent.url}/health`)).json();
      expect(counted).toMatchObject({ rings: [{ generatedTokens: expect.any(Number), promptTokens: expect.any(Number) }] });
    } finally {
      await stop(agent);
    }
    expect(await runCommand(['run', ...port, 'pippa-tiny', QUESTION])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(ANSWER),
      stderr: '',
    });
  });

  it('takes its prompt from stdin, alone or after the words', async () => {
    const alone = await runCommand(['run', '--port', '0'], { input: QUESTION });
    expect(alone).toMatchObject({ code: 0, stdout: expect.stringMatching(ANSWER) });
    const both = await runCommand(['run', '--port', '0', 'pippa-tiny', 'What is'], { input: 'pippa-agent?' });
    expect(both).toMatchObject({ code: 0, stderr: '' });
  });

  it('refuses bytes that are no text', async () => {
    const { process: child, ended } = await startCommand(['run', '--port', '0']);
    child.stdin.end(Buffer.from([0xff, 0xfe, 0x00]));
    expect(await ended).toMatchObject({ code: 2, stderr: expect.stringContaining('not UTF-8') });
  });

  it('stops with 130 on Ctrl-C in the middle of an answer', async () => {
    const { process: child, ended, printed } = await startCommand(['run', '--port', '0', babbler, 'Once']);
    child.stdin.end();
    await printed(/./);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stderr: '' });
  });

  it('says so when the prompt is longer than the context', async () => {
    const ended = await runCommand(['run', '--port', '0', '--context', '64'], { input: `${QUESTION} `.repeat(200) });
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/prompt has \d+ tokens/) });
  });

  it('is no trouble when nobody reads its output', async () => {
    const { process: child, ended } = await startCommand(['models']);
    child.stdout.destroy();
    await once(child, 'close');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});
