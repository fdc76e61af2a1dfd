import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type Logger } from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { embeddedOperationDirectory } from '../src/package-root.ts';
import { LiveOperations } from '../src/text-operations/live-operations.ts';
import { loadOperations, operationFiles } from '../src/text-operations/load-operations.ts';
import { runCommand } from './support/run-command.ts';
import { startSmallGateway } from './support/small-gateway.ts';

let own: string;
beforeEach(async () => {
  own = await mkdtemp(join(tmpdir(), 'pippa-text-'));
});
afterEach(() => rm(own, { recursive: true }));

const live = (logger: Logger = silentLogger): LiveOperations =>
  new LiveOperations({ shipped: embeddedOperationDirectory, own, logger });

describe('the operations that come with the agent', () => {
  it('can all be used', () => {
    const files = operationFiles(embeddedOperationDirectory);
    const { operations, problems } = loadOperations(embeddedOperationDirectory, files, 'shipped');
    expect(problems).toEqual([]);
    const names = operations.map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(20);
    for (const name of [
      'correct',
      'summarize',
      'translate',
      'rewrite',
      'title',
      'bullet',
      'explain',
      'shorten',
      'expand',
      'reply',
    ]) {
      expect(names).toContain(name);
    }
    for (const operation of operations) expect(operation.description).toMatch(/^[A-Z].*\.$/);
  });
});

describe('operations of the user', () => {
  it('are there as soon as their file is, and gone with it', async () => {
    const operations = live();
    const find = (name: string) => operations.list().operations.find((operation) => operation.name === name);
    expect(find('pirate')).toBeUndefined();
    await writeFile(join(own, 'pirate.toml'), 'description = "Talk like a pirate."\nprompt = "Arr: {{text}}"\n');
    expect(find('pirate')).toMatchObject({ source: 'file', prompt: 'Arr: {{text}}' });
    await writeFile(join(own, 'pirate.toml'), 'description = "Talk like a pirate."\nprompt = "Ahoy: {{text}}"\n');
    expect(find('pirate')).toMatchObject({ prompt: 'Ahoy: {{text}}' });
    await unlink(join(own, 'pirate.toml'));
    expect(find('pirate')).toBeUndefined();
  });

  it('go before those of the same name that come with the agent', async () => {
    await writeFile(join(own, 'title.toml'), 'description = "Mine."\nprompt = "{{text}}"\nmodel = "big"\n');
    const titles = live()
      .list()
      .operations.filter(({ name }) => name === 'title');
    expect(titles).toEqual([expect.objectContaining({ source: 'file', description: 'Mine.', model: 'big' })]);
  });

  it('that cannot be read are told of, once in the log, and stop nobody', async () => {
    const warnings: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields, message) => void warnings.push({ ...fields, message }) };
    await writeFile(join(own, 'title.toml'), 'description = \n');
    await writeFile(join(own, 'wrong.toml'), 'description = "x"\nprompt = "no place"\n');
    await writeFile(join(own, 'notes.txt'), 'not looked at');
    const operations = live(logger);
    operations.list();
    const { operations: known, problems } = operations.list();
    expect(problems).toEqual([
      { file: 'title.toml', message: expect.stringMatching(/^line 1: /) },
      { file: 'wrong.toml', message: 'prompt: it has no {{text}}' },
    ]);
    expect(warnings).toHaveLength(2);
    const names = known.map(({ name }) => name);
    expect(names).toContain('correct');
    expect(names).not.toContain('title');
  });
});

describe('pippa-agent text', () => {
  const start = () => startSmallGateway({ operations: live() });

  it('works on stdin and writes the result alone', async () => {
    const { port } = await start();
    const ended = await runCommand(['text', 'correct', '--port', String(port)], { input: 'One two  three\n' });
    expect(ended).toEqual({ code: 0, out: 'One two  three', error: '' });
  });

  it('takes variables, a model, chains, and the text as words', async () => {
    const { port } = await start();
    const words = ['text', 'translate+title', '--var', 'to=Plattdeutsch', '--use', 'echo', '--port', String(port), 'Good', 'day'];
    const ended = await runCommand(words);
    expect(ended).toMatchObject({ code: 0, out: 'Translate into Plattdeutsch:\n\nGood day' });
  });

  it('lists the operations and where own ones go', async () => {
    await writeFile(join(own, 'bad.toml'), 'x');
    const { port } = await start();
    const { code, out } = await runCommand(['text', '--port', String(port)]);
    expect(code).toBe(0);
    expect(out).toMatch(/^OPERATION +VARIABLES +WHAT IT DOES\nanswer +question +Answer a question/);
    expect(out).toMatch(/translate +\[to\] +Translate a text\./);
    expect(out).toMatch(/bad\.toml +line 1: /);
    const json = await runCommand(['text', '--json', '--port', String(port)]);
    expect(JSON.parse(json.out)).toMatchObject({ object: 'list', data: expect.any(Array) });
  });

  it.each<[what: string, words: string[], input: string, code: number, error: RegExp]>([
    ['an unknown operation', ['corect'], 'x', 1, /There is no operation "corect"\. Did you mean correct\?/],
    ['a variable that is none', ['correct', '--var', 'to'], 'x', 2, /--var: "to" is not name=value/],
    ['an unknown variable', ['translate', '--var', 'too=x'], 'x', 1, /no variable 'too' here\. Known: to\./],
    ['no text', ['correct'], ' \n', 2, /The text is empty/],
  ])('says what is wrong with %s', async (_what, words, input, code, error) => {
    const { port } = await start();
    const ended = await runCommand(['text', ...words, '--port', String(port)], { input });
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.error).toMatch(error);
  });
});
