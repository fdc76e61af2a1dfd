import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '@pippa/core';
import { HubServer } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository, runCommand, startCommand } from './support/agent-process.ts';

let home: string;
let hub: HubServer;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'pippa-pull-'));
  hub = await HubServer.start();
  hub.addFile('pippa/Tiny-GGUF', 'Tiny-F16.gguf', await readFile(join(repository, 'agent/models/pippa-tiny.gguf')));
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const environment = (): Record<string, string> => ({ HOME: home, HF_ENDPOINT: hub.url, NO_PROXY: '*', no_proxy: '*' });

describe('pippa-agent pull', () => {
  it('gets a model that can then be listed, asked and removed by name', async () => {
    expect(await runCommand(['pull', 'hf:pippa/Tiny-GGUF'], { environment: environment() })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Tiny:F16: 2\.0 MB in .*pippa-agent run Tiny:F16\n$/),
      stderr: expect.stringMatching(/^Pulling Tiny:F16 from 127\.0\.0\.1:\d+: 2\.0 MB\.\n/),
    });
    expect((await runCommand(['models'], { environment: environment() })).stdout).toMatch(/Tiny:F16 .*~\/.*Tiny-F16\.gguf/);
    const asked = await runCommand(['run', '--port', '0', 'pippa/tiny:f16', 'What is pippa-agent?'], {
      environment: environment(),
    });
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/pippa-agent/) });
    expect(await runCommand(['pull', 'pippa/Tiny-GGUF:F16'], { environment: environment() })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('was here already'),
    });
    expect(await runCommand(['rm', 'tiny'], { environment: environment() })).toMatchObject({
      code: 0,
      stdout: 'Removed Tiny:F16: 2.0 MB freed.\n',
    });
    expect((await runCommand(['models'], { environment: environment() })).stdout).not.toContain('Tiny:F16');
  });

  it('is what run and serve offer for a model that is not here, and do with --auto-pull', async () => {
    hub.addFile('pippa/Other-GGUF', 'Other-F16.gguf', await readFile(join(repository, 'agent/models/pippa-tiny.gguf')));
    const words = ['run', '--port', '0', 'hf:pippa/Other-GGUF', 'What is pippa-agent?'];
    expect(await runCommand(words, { environment: environment() })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /not here\. Other:F16 is at 127\.0\.0\.1:\d+: 2\.0 MB, about .* at 100 Mbit\/s[\s\S]*--auto-pull/,
      ),
    });
    expect(await runCommand(['run', '--auto-pull', ...words.slice(1)], { environment: environment() })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/pippa-agent/),
    });
    // It is here now.
    expect(await runCommand(words, { environment: environment() })).toMatchObject({ code: 0 });
  });

  it('says after Ctrl-C how to go on, and goes on', async () => {
    hub.addFile('pippa/Large', 'Large-Q4_0.gguf', Buffer.concat([Buffer.from('GGUF'), randomBytes(40 * MIB)]));
    // The last stretch does not come until the first pull was stopped.
    hub.fault = (_, range) => (range?.startsWith('bytes=33554432') === true ? { kind: 'hang' } : undefined);
    const { process: child, ended } = await startCommand(['pull', 'hf:pippa/Large'], { environment: environment() });
    let error = '';
    let isTold = false;
    child.stderr.on('data', (text: string) => {
      error += text;
      if (isTold || !/\b[678]0%/.test(error)) return;
      isTold = true;
      child.kill('SIGINT');
    });
    expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('goes on from there') });
    hub.fault = () => undefined;
    expect(await runCommand(['pull', 'hf:pippa/Large'], { environment: environment() })).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/40\.0 MB, [\d.]+ MB of it here already/),
    });
  });
});
