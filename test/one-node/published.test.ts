import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MIB } from '@pippa/core';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository, runCommand, serveAgent, type AgentCommand } from './support/agent-process.ts';

const execute = promisify(execFile);
const PACK_AND_INSTALL_MS = 300_000;

let directory: string;
let command: AgentCommand;
let packed: readonly string[];

/** The package as it would be published, installed into an empty folder without running any install script. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-published-'));
  await execute(process.execPath, ['scripts/build.ts'], { cwd: repository });
  const { stdout } = await execute('npm', ['pack', './agent', '--json', '--pack-destination', directory], { cwd: repository });
  const [pack] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  packed = pack.files.map((file) => file.path);
  const project = join(directory, 'project');
  await mkdir(project);
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--prefix', project];
  await execute('npm', ['install', ...flags, join(directory, pack.filename)], { cwd: project });
  command = { file: process.execPath, words: [join(project, 'node_modules/.bin/pippa-agent')] };
}, PACK_AND_INSTALL_MS);
afterAll(() => rm(directory, { recursive: true }));

describe('the published package', () => {
  it('holds the bundle, the demo model, the README and the licence, and no sources or tests', () => {
    expect(packed).toEqual(
      expect.arrayContaining(['bin/pippa-agent.mjs', 'dist/main.js', 'models/pippa-tiny.gguf', 'README.md', 'LICENSE']),
    );
    expect(packed.filter((path) => /\.ts$|test|tsbuildinfo/.test(path))).toEqual([]);
  });

  it('brings no package along that needs an install script, and not node-llama-cpp with its gigabyte', async () => {
    const modules = join(directory, 'project/node_modules');
    const installed = (await readdir(modules)).filter((name) => !name.startsWith('.'));
    expect(installed).not.toContain('node-llama-cpp');
    expect((await readdir(join(modules, '@node-llama-cpp'))).filter((name) => /cuda|vulkan/.test(name))).toEqual([]);
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'agent/package.json'), 'utf8')) as { version: string };
    expect(await runCommand(['--version'], { command })).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('answers on the command line, out of one stage or several', async () => {
    for (const stages of ['1', '3']) {
      // Port 0: no agent that happens to run here answers in its place.
      const ended = await runCommand(['run', '--port', '0', '--stages', stages, 'pippa-tiny', 'What is pippa-agent?'], { command });
      expect(ended, ended.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('pippa-agent') });
    }
  });

  it('serves the openai client', async () => {
    const agent = await serveAgent([], { command });
    try {
      const client = new OpenAI({ baseURL: `${agent.url}/v1`, apiKey: 'none', maxRetries: 0 });
      const answer = await client.chat.completions.create({
        model: 'pippa-tiny',
        messages: [{ role: 'user', content: 'What is pippa-agent?' }],
      });
      expect(answer.choices[0]?.message.content).toContain('pippa-agent');
      // The threads and the files that come along for these.
      const { data } = await client.embeddings.create({ model: 'pippa-tiny', input: 'What is pippa-agent?' });
      expect(data[0]?.embedding.length).toBeGreaterThan(0);
      const operations = (await (await fetch(`${agent.url}/v1/text`)).json()) as { data: { name: string }[] };
      expect(operations.data.map(({ name }) => name)).toContain('correct');
    } finally {
      await agent[Symbol.asyncDispose]();
    }
    expect(await agent.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it.runIf(process.platform === 'linux')('takes less than 150 MB without a model', async () => {
    const agent = await serveAgent(['--model', 'none'], { command });
    try {
      const status = await readFile(`/proc/${agent.process.pid}/status`, 'utf8');
      const residentKib = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
      expect(residentKib * 1024).toBeLessThan(150 * MIB);
    } finally {
      await agent[Symbol.asyncDispose]();
    }
  });
});
