import { EventEmitter, once } from 'node:events';
import { access, copyFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../src/cli.ts';
import type { ExitCode } from '../src/exit-codes.ts';
import { fakeTerminal, type FakeTerminal } from './support/fake-terminal.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-cli-'));
  await mkdir(join(directory, 'models/author/repository'), { recursive: true });
  await writeTinyModel(join(directory, 'models/author/repository/Nonsense-Q8_0.gguf'));
  await writeFile(join(directory, 'models/letter.gguf'), 'Dear reader,');
  const cut = join(directory, 'models/cut-off.gguf');
  await copyFile(join(directory, 'models/author/repository/Nonsense-Q8_0.gguf'), cut);
  await truncate(cut, 100_000);
});
afterAll(() => rm(directory, { recursive: true }));

interface Command {
  readonly terminal: FakeTerminal;
  readonly signals: EventEmitter;
  readonly code: Promise<ExitCode>;
}

/** Runs a command line as on a machine where nobody has configured anything. */
function command(words: readonly string[], { isTTY = false, environment = {}, input = '' } = {}): Command {
  const terminal = fakeTerminal({ isTTY });
  const signals = new EventEmitter();
  if (!isTTY) terminal.stdin.end(input);
  const config = join(directory, 'config.toml');
  const surroundings = { PIPPA_CONFIG: config, PIPPA_STATE_DIR: join(directory, 'state'), PIPPA_MESH: 'off', ...environment };
  const code = writeFile(config, '').then(() => runCli({ words, environment: surroundings, terminal, signals }));
  return { terminal, signals, code };
}

async function outcome(words: readonly string[], surroundings = {}): Promise<{ code: ExitCode; out: string; error: string }> {
  const { terminal, code } = command(words, surroundings);
  return { code: await code, out: terminal.stdout.text, error: terminal.stderr.text };
}

describe('the command line', () => {
  it('prints its version and help', async () => {
    expect(await outcome(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), error: '' });
    const help = await outcome(['--help']);
    expect(help.code).toBe(0);
    expect(help.out).toContain('--context <tokens>');
    expect(help.out).toContain('Exit codes:');
  });

  it.each<[what: string, words: string[], error: RegExp]>([
    ['an unknown command', ['modles'], /no command "modles"\. Did you mean models\?/],
    ['an unknown flag', ['--prot', '1'], /unknown option '--prot'[\s\S]*--port/],
    ['a flag without its value', ['--port'], /argument missing/],
    ['a wrong value', ['--port', 'x'], /^error: --port: "x" is not a whole number/],
    ['a wrong value after a command', ['run', '--context', '1'], /^error: --context: "1" is not/],
    ['no prompt at all', ['run'], /^error: There is no prompt\./],
  ])('exits with 2 for %s', async (_what, words, error) => {
    const ended = await outcome(words);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.error).toMatch(error);
    expect(ended.error).not.toContain('    at ');
  });

  it('says what to do about a model that is not there', async () => {
    const ended = await outcome(['--model', 'nonsens-q8_0', '--model-dir', join(directory, 'models'), '--port', '0']);
    expect(ended.code).toBe(1);
    expect(ended.error).toMatch(/no model "nonsens-q8_0"\. Did you mean Nonsense-Q8_0\?\n.*Give the path of a \.gguf file/);
    const path = await outcome(['--model', './nowhere.gguf', '--port', '0']);
    expect(path).toMatchObject({ code: 1, error: expect.stringMatching(/There is no model file \/.*nowhere\.gguf/) });
  });

  it.each([
    ['letter.gguf', /letter\.gguf cannot be used: The file is not a GGUF model/],
    ['cut-off.gguf', /cut-off\.gguf cannot be used: .*\n.*[Dd]ownload/],
  ])('says what is wrong with %s, without a stack', async (file, error) => {
    const ended = await outcome(['--model', join(directory, 'models', file), '--port', '0']);
    expect(ended.code).toBe(1);
    expect(ended.error).toMatch(error);
    expect(ended.error).not.toContain('    at ');
  });

  it('shows the stack at log level debug', async () => {
    const ended = await outcome(['--model', join(directory, 'models/letter.gguf'), '--port', '0', '--log-level', 'debug']);
    expect(ended.error).toContain('    at ');
  });

  it('says when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const ended = await outcome(['--model', 'none', '--port', String(port)]);
      expect(ended.code).toBe(1);
      expect(ended.error).toMatch(new RegExp(`^error: Port ${port} .*in use`));
      expect(ended.error).toContain(`--port ${port + 10}`);
    } finally {
      other.close();
    }
  });

  it('wants a key before it opens to the network', async () => {
    expect(await outcome(['--model', 'none', '--port', '0', '--host', '0.0.0.0'])).toMatchObject({
      code: 1,
      error: expect.stringContaining('no API key'),
    });
  });

  it('refuses to start twice with one state folder, and starts beside with another one', async () => {
    const first = command(['--model', 'none', '--port', '0']);
    await first.terminal.stdout.waitFor('Ctrl-C');
    expect(await outcome(['--model', 'none', '--port', '0'])).toMatchObject({
      code: 1,
      error: expect.stringMatching(/runs here already[\s\S]*--state-dir <folder>/),
    });
    const second = command(['--model', 'none', '--port', '0', '--state-dir', join(directory, 'second')]);
    await second.terminal.stdout.waitFor('Ctrl-C');
    for (const { signals, code } of [first, second]) {
      signals.emit('SIGINT', 'SIGINT');
      expect(await code).toBe(0);
    }
  });

  it('serves until it is told to stop, and then exits with 0', async () => {
    const { terminal, signals, code } = command(['--model', 'none', '--port', '0']);
    const banner = await terminal.stdout.waitFor('Ctrl-C');
    const url = /http:\/\/[\d.:]+/.exec(banner)?.[0];
    const health: unknown = await (await fetch(`${url}/health`)).json();
    // Nothing is loaded, but what lies on disk is brought up when it is asked.
    expect(health).toMatchObject({ status: 'ok', rings: [] });
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await code).toBe(0);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('writes no colours where nobody sees them, or nobody wants them', async () => {
    for (const surroundings of [{ isTTY: false }, { isTTY: true, environment: { NO_COLOR: '1' } }]) {
      const { terminal, signals, code } = command(['--model', 'none', '--port', '0'], surroundings);
      expect(await terminal.stdout.waitFor('Ctrl-C')).not.toContain('\u001B');
      signals.emit('SIGINT', 'SIGINT');
      await code;
    }
    const { terminal, signals, code } = command(['--model', 'none', '--port', '0'], { isTTY: true });
    expect(await terminal.stdout.waitFor('Ctrl-C')).toContain('\u001B[');
    signals.emit('SIGINT', 'SIGINT');
    await code;
  });
});

describe('pippa-agent models', () => {
  it('lists what it finds in a folder, with what is wrong with the rest', async () => {
    const { code, out } = await outcome(['models', '--model-dir', join(directory, 'models')]);
    // As other tools call it.
    expect(await outcome(['list', '--model-dir', join(directory, 'models')])).toMatchObject({ code, out });
    expect(code).toBe(0);
    expect(out).toMatch(/Nonsense:Q8_0 +\S+ [KM]B +\S+ +llama +\d+K +8 +2048 +1 to 8 +\S+Nonsense-Q8_0\.gguf/);
    expect(out).toMatch(/letter +The file is not a GGUF model/);
    expect(out).toMatch(/cut-off .*/);
  });

  it('gives the same as JSON', async () => {
    const { out } = await outcome(['models', '--json', '--model-dir', join(directory, 'models')]);
    const entries = JSON.parse(out) as { name: string }[];
    expect(entries.find((entry) => entry.name === 'Nonsense:Q8_0')).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      aliases: expect.arrayContaining(['Nonsense-Q8_0', 'author/repository:Q8_0']),
      architecture: 'llama',
      layerCount: 8,
      maxStages: 8,
      path: join(directory, 'models/author/repository/Nonsense-Q8_0.gguf'),
    });
    expect(entries.find((entry) => entry.name === 'letter')).toMatchObject({ error: expect.stringContaining('not a GGUF') });
  });
});

describe('pippa-agent show', () => {
  const folder = (): string[] => ['--model-dir', join(directory, 'models')];

  it('prints the sizing sheet of a model', async () => {
    const { code, out } = await outcome(['show', 'nonsense', ...folder()]);
    expect(code).toBe(0);
    expect(out).toMatch(/^Nonsense:Q8_0\n/);
    expect(out).toMatch(/layers +0-7 [\d.]+ KB each/);
    expect(out).toMatch(/cache +[\d.]+ [KM]B per 1k tokens/);
    expect(out).toMatch(/CONTEXT +WEIGHTS +CACHE +WORKING +MEMORY\n +2048 /);
    const json: unknown = JSON.parse((await outcome(['show', 'nonsense', '--json', ...folder()])).out);
    expect(json).toMatchObject({ manifest: { layers: { length: 8 } }, memory: [{ contextTokens: 2048 }] });
  });

  it('says what is wrong with a broken one', async () => {
    expect(await outcome(['show', 'letter', ...folder()])).toMatchObject({
      code: 1,
      error: expect.stringMatching(/letter\.gguf cannot be used: The file is not a GGUF model/),
    });
  });
});

describe('pippa-agent rm', () => {
  it('leaves folders alone that are not its own', async () => {
    const path = join(directory, 'models/author/repository/Nonsense-Q8_0.gguf');
    const ended = await outcome(['rm', 'nonsense', '--model-dir', join(directory, 'models')]);
    expect(ended).toMatchObject({ code: 1, error: expect.stringContaining(`not the agent's own: it lies in ${path}`) });
    await access(path);
  });
});
